// Values with a behaviour of their own: ranges, generators, macros, namespaces, functions, methods.
//
// Objects that can change can refer to each other in circles, or in a chain of any length. They are
// kept in the Interpreter's store, which empties them when a rendering ends (interpreter.hpp).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "stages/models/jinja/value.hpp"

namespace limelight::stages::jinja {

class Interpreter;

// Of a call: of a function, method, macro, filter or test.
struct Arguments {
  std::vector<Value> positional;
  std::vector<std::pair<std::string, Value>> named;
};

class Iterator {
 public:
  virtual ~Iterator() = default;
  // Returns false at the end.
  virtual bool next(Value& value) = 0;
};

class Object {
 public:
  explicit Object(int depth = 1);  // one more than that of the values in it
  virtual ~Object() = default;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  virtual std::string_view type_name() const = 0;
  virtual bool truth() const { return true; }
  virtual bool callable() const { return false; }
  virtual Value call(Interpreter&, const Arguments&);
  // Missing: there is none.
  virtual Value attribute(Interpreter&, std::string_view) { return {}; }
  virtual Value item(const Value&) { return {}; }
  virtual bool has_items() const { return false; }  // whether Python's class has __getitem__
  // nullptr: it cannot be iterated.
  virtual std::unique_ptr<Iterator> iterate() { return nullptr; }
  virtual bool reversible() const { return false; }
  virtual std::optional<std::size_t> length() { return std::nullopt; }
  virtual std::optional<bool> contains(const Value&) const { return std::nullopt; }
  virtual bool equals(const Object& other) const { return this == &other; }
  // Appends what Python's str() gives; it calls `print` of printing.hpp for values in it.
  virtual void print(std::string& out, int depth) const;
  // Drops all values in it.
  virtual void clear() {}
  int depth() const noexcept { return depth_; }
  virtual std::size_t weight() const { return 16; }  // that a comparison or copy looks at

 private:
  int depth_;
};

}  // namespace limelight::stages::jinja
