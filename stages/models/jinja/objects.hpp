// The objects that expressions, filters and global functions make.
#pragma once

#include <functional>

#include "stages/models/jinja/object.hpp"

namespace limelight::stages::jinja {

// A global function, or a method bound to its value.
class Function final : public Object {
 public:
  using Body = std::function<Value(Interpreter&, const Arguments&)>;
  // depth: one more than that of the value that the body holds.
  Function(std::string name, Body body, int depth = 1)
      : Object(depth), name_(std::move(name)), body_(std::move(body)) {}
  std::string_view type_name() const override { return "function"; }
  bool callable() const override { return true; }
  Value call(Interpreter& interpreter, const Arguments& arguments) override {
    return body_(interpreter, arguments);
  }

 private:
  std::string name_;
  Body body_;
};

class Range final : public Object {
 public:
  // step: not 0. The range has at most max_range items.
  Range(std::int64_t begin, std::int64_t end, std::int64_t step, std::int64_t length)
      : begin_(begin), end_(end), step_(step), length_(length) {}
  std::string_view type_name() const override { return "range"; }
  bool truth() const override { return length_ != 0; }
  Value attribute(Interpreter&, std::string_view name) override;
  Value item(const Value& key) override;
  bool has_items() const override { return true; }
  std::unique_ptr<Iterator> iterate() override;
  bool reversible() const override { return true; }
  std::optional<std::size_t> length() override { return static_cast<std::size_t>(length_); }
  std::optional<bool> contains(const Value& value) const override;
  bool equals(const Object& other) const override;
  void print(std::string& out, int depth) const override;
  std::int64_t at(std::int64_t index) const { return begin_ + index * step_; }
  Value slice(const Value& begin, const Value& end, const Value& step) const;

 private:
  std::int64_t begin_, end_, step_, length_;
};

// What dict.keys(), dict.values() and dict.items() return.
class DictView final : public Object {
 public:
  enum class Part { keys, values, items };
  DictView(Value dict, Part part) : Object(dict.depth() + 1), dict_(std::move(dict)), part_(part) {}
  std::string_view type_name() const override;
  bool truth() const override { return dict_.dict().size() != 0; }
  std::unique_ptr<Iterator> iterate() override;
  bool reversible() const override { return true; }
  std::optional<std::size_t> length() override { return dict_.dict().size(); }
  std::size_t weight() const override { return dict_.weight(); }
  std::optional<bool> contains(const Value& value) const override;
  bool equals(const Object& other) const override;
  void print(std::string& out, int depth) const override;

 private:
  Value dict_;
  Part part_;
};

// Items that are made one by one, and once: the result of `map`, `select` and their like.
class Generator final : public Object {
 public:
  // depth: of the value that the items come from.
  Generator(std::unique_ptr<Iterator> items, int depth)
      : Object(depth + 1), items_(std::move(items)) {}
  std::string_view type_name() const override { return "generator"; }
  std::unique_ptr<Iterator> iterate() override;

 private:
  std::shared_ptr<Iterator> items_;
};

// namespace(): the only value whose attributes a template can set.
class Namespace final : public Object {
 public:
  explicit Namespace(Dict attributes) : attributes_(std::move(attributes)) {}
  std::string_view type_name() const override { return "Namespace"; }
  Value attribute(Interpreter&, std::string_view name) override;
  void set(const std::string& name, Value value);
  void print(std::string& out, int depth) const override;
  void clear() override { attributes_ = {}; }

 private:
  Dict attributes_;
};

// A number from the variables that needs more than 63 bits, as in a JSON schema's "maximum". It can
// be printed and compared.
class BigInteger final : public Object {
 public:
  explicit BigInteger(std::string digits) : digits_(std::move(digits)) {}
  std::string_view type_name() const override { return "int"; }
  bool equals(const Object& other) const override;
  void print(std::string& out, int) const override { out += digits_; }
  const std::string& digits() const noexcept { return digits_; }

 private:
  std::string digits_;
};

// cycler(): its items in turn. Its methods refer to it, so it belongs into the Interpreter's store.
class Cycler final : public Object {
 public:
  explicit Cycler(Value items) : Object(items.depth() + 1), items_(std::move(items)) {}
  std::string_view type_name() const override { return "Cycler"; }
  Value attribute(Interpreter&, std::string_view name) override;
  void clear() override { items_ = Value::list({}); }

 private:
  Value items_;
  std::size_t at_ = 0;
};

// joiner(): nothing when first called, then the separator.
class Joiner final : public Object {
 public:
  explicit Joiner(Value separator)
      : Object(separator.depth() + 1), separator_(std::move(separator)) {}
  std::string_view type_name() const override { return "Joiner"; }
  bool callable() const override { return true; }
  Value call(Interpreter&, const Arguments&) override;

 private:
  Value separator_;
  bool used_ = false;
};

}  // namespace limelight::stages::jinja
