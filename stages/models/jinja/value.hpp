// The values of the template language, which are those of Python that a chat template can see.
//
// Values are immutable and shared, apart from objects (object.hpp). A value is made and used by one
// rendering, on one thread; only constants of the syntax tree are shared by several renderings.
//
// A list knows its depth and its weight (about the bytes that it would print as), and none exceeds
// the limits of budget.hpp. So what walks through a value needs no limits of its own.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "stages/models/jinja/budget.hpp"

namespace limelight::stages::jinja {

class Dict;
class Object;
struct Sequence;
class Value;

struct Text {
  explicit Text(std::string text);
  std::string bytes;
  std::size_t points;   // of Unicode
  bool markup = false;  // from the filters `safe` and `escape`: adding to it escapes the other text
};

enum class Kind : std::uint8_t {
  missing,    // a variable without a value; no expression evaluates to it
  undefined,  // what an expression with a missing variable, attribute or item evaluates to
  none,
  boolean,
  integer,
  number,  // floating-point
  string,
  list,
  tuple,
  dict,
  object,
};

class Value {
 public:
  Value() = default;  // missing
  // name: of the variable, attribute or item that was not found, for error messages.
  static Value undefined(std::string name);
  static Value none() { return Value(None{}); }
  static Value of(bool value) { return Value(value); }
  static Value of(std::int64_t value) { return Value(value); }
  static Value of(std::size_t value) { return Value(static_cast<std::int64_t>(value)); }
  static Value of(double value) { return Value(value); }
  static Value of(std::string value) { return of(Text(std::move(value))); }
  static Value of(std::string_view value) { return of(std::string(value)); }
  static Value of(const char* value) { return of(std::string(value)); }
  static Value of(Text value);
  static Value of(std::shared_ptr<Object> value) { return Value(std::move(value)); }
  static Value list(std::vector<Value> items);
  static Value tuple(std::vector<Value> items);
  // What the filter `groupby` makes: a tuple whose items are also attributes.
  static Value group(Value key, Value items);
  static Value of(Dict value);

  Kind kind() const noexcept { return static_cast<Kind>(held_.index()); }
  bool is(Kind kind) const noexcept { return this->kind() == kind; }
  // Of integer, number and boolean.
  bool is_number() const noexcept { return kind() >= Kind::boolean && kind() <= Kind::number; }
  bool is_sequence() const noexcept { return is(Kind::list) || is(Kind::tuple); }

  bool is_group() const;

  // The value must be of the kind.
  bool boolean() const { return std::get<bool>(held_); }
  std::int64_t integer() const { return std::get<std::int64_t>(held_); }
  double number() const { return std::get<double>(held_); }
  const Text& text() const { return *std::get<std::shared_ptr<const Text>>(held_); }
  const std::string& bytes() const { return text().bytes; }
  const std::vector<Value>& items() const;  // of a list or tuple
  const Dict& dict() const { return *std::get<std::shared_ptr<const Dict>>(held_); }
  const std::shared_ptr<const Dict>& dict_pointer() const {
    return std::get<std::shared_ptr<const Dict>>(held_);
  }
  const std::shared_ptr<Object>& object() const { return std::get<std::shared_ptr<Object>>(held_); }
  template <class T>
  T* as() const {  // nullptr if it is not such an object
    return is(Kind::object) ? dynamic_cast<T*>(object().get()) : nullptr;
  }
  // Of an undefined value.
  const std::string& name() const { return *std::get<Undefined>(held_).name; }

  bool truth() const;
  std::string_view type_name() const;  // as Python says it: 'int', 'list'
  int depth() const;
  std::size_t weight() const;
  // Whether both are the same object, for Python's `is`.
  bool same(const Value& other) const;

 private:
  struct Missing {};
  struct Undefined {
    std::shared_ptr<const std::string> name;
  };
  struct None {};
  struct List {
    std::shared_ptr<const Sequence> sequence;
  };
  struct Tuple {
    std::shared_ptr<const Sequence> sequence;
  };
  using Held = std::variant<Missing,
                            Undefined,
                            None,
                            bool,
                            std::int64_t,
                            double,
                            std::shared_ptr<const Text>,
                            List,
                            Tuple,
                            std::shared_ptr<const Dict>,
                            std::shared_ptr<Object>>;
  template <class T>
  explicit Value(T value) : held_(std::move(value)) {}

  Held held_;
};

struct Sequence {
  explicit Sequence(std::vector<Value> values);
  std::vector<Value> items;
  bool group = false;
  int depth = 1;
  std::size_t weight = 16;
};

// Keeps the order in which keys were added. A key is a value that Python can hash: no list or dict.
class Dict {
 public:
  using Entry = std::pair<Value, Value>;
  // nullptr: there is none.
  const Value* find(const Value& key) const;
  const Value* find(std::string_view key) const;
  // Changes the value of a key that is there, in its place.
  void set(Value key, Value value);
  const std::vector<Entry>& entries() const noexcept { return entries_; }
  std::size_t size() const noexcept { return entries_.size(); }
  int depth() const noexcept { return depth_; }
  std::size_t weight() const noexcept { return weight_; }

 private:
  struct Before {
    bool operator()(const Value& a, const Value& b) const;
  };
  std::size_t place(const Value& key) const;  // size(): there is none
  std::vector<Entry> entries_;
  std::map<Value, std::size_t, Before> places_;  // empty while there are few entries
  int depth_ = 1;
  std::size_t weight_ = 16;
};

}  // namespace limelight::stages::jinja
