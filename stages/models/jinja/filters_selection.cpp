// Filters that treat items one by one, when they are asked for: map, select, reject, selectattr and
// rejectattr.
#include <algorithm>
#include <functional>

#include "stages/models/jinja/arguments.hpp"
#include "stages/models/jinja/attributes.hpp"
#include "stages/models/jinja/filters.hpp"
#include "stages/models/jinja/interpreter.hpp"
#include "stages/models/jinja/iterate.hpp"
#include "stages/models/jinja/objects.hpp"
#include "stages/models/jinja/tests.hpp"

namespace limelight::stages::jinja {

namespace {

// What is done with an item; returns whether it stays.
using Treat = std::function<bool(Value&)>;

class TreatedIterator final : public Iterator {
 public:
  // prepare: makes what treats the items, when the first is asked for. So an error in the arguments
  // of a filter shows only then, and never for an empty list.
  TreatedIterator(Interpreter& interpreter, Value input, std::function<Treat()> prepare)
      : interpreter_(interpreter), input_(std::move(input)), prepare_(std::move(prepare)) {}

  bool next(Value& value) override {
    const Interpreter::Nesting nesting(interpreter_);
    if (items_ == nullptr) {
      if (!input_.truth()) return false;
      treat_ = prepare_();
      items_ = iterate(input_);
    }
    while (items_->next(value)) {
      interpreter_.budget().step();
      if (treat_(value)) return true;
    }
    return false;
  }

 private:
  Interpreter& interpreter_;
  Value input_;
  std::function<Treat()> prepare_;
  Treat treat_;
  std::unique_ptr<Iterator> items_;
};

int depth_of(const Value& input, const Arguments& arguments) {
  int depth = input.depth();
  for (const Value& value : arguments.positional) depth = std::max(depth, value.depth());
  for (const auto& [name, value] : arguments.named) depth = std::max(depth, value.depth());
  return depth;
}

Value treated(Interpreter& interpreter,
              const Value& input,
              const Arguments& arguments,
              std::function<Treat()> prepare) {
  return Value::of(std::make_shared<Generator>(
      std::make_unique<TreatedIterator>(interpreter, input, std::move(prepare)),
      depth_of(input, arguments)));
}

// Without its first arguments.
Arguments rest_of(const Arguments& arguments, std::size_t first) {
  Arguments rest = arguments;
  rest.positional.erase(rest.positional.begin(),
                        rest.positional.begin() + static_cast<std::ptrdiff_t>(first));
  return rest;
}

const std::string& name_of(const Value& value, const char* what) {
  if (!value.is(Kind::string))
    fail(std::string("found a value of type ") + std::string(value.type_name()) +
         " as the name of a " + what + ", expected a string");
  return value.bytes();
}

Treat map_attribute(Interpreter& interpreter, const Arguments& arguments) {
  const Bound bound("map", arguments, {"attribute", "default"}, 1);
  return [&interpreter, path = AttributePath(bound[0]),
          otherwise = bound.has_value(1) ? bound[1] : Value()](Value& value) {
    value = path.get(interpreter, value, otherwise);
    return true;
  };
}

Value map(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  return treated(interpreter, input, arguments, [&interpreter, arguments]() -> Treat {
    const bool by_attribute =
        arguments.positional.empty() &&
        std::any_of(arguments.named.begin(), arguments.named.end(),
                    [](const auto& argument) { return argument.first == "attribute"; });
    if (by_attribute) return map_attribute(interpreter, arguments);
    if (arguments.positional.empty()) fail("map: found no filter, expected the name of one");
    const std::string& name = name_of(arguments.positional.front(), "filter");
    const Filter filter = find_filter(name);
    if (filter == nullptr) refuse("map: found the filter '" + name + "', which is not supported");
    return [&interpreter, filter, rest = rest_of(arguments, 1)](Value& value) {
      value = filter(interpreter, value, rest);
      return true;
    };
  });
}

Treat make_selection(Interpreter& interpreter,
                     const Arguments& arguments,
                     bool by_attribute,
                     bool wanted) {
  if (by_attribute && arguments.positional.empty())
    fail("selectattr or rejectattr: found no attribute, expected its name");
  const AttributePath path(by_attribute ? arguments.positional.front() : Value::none());
  const std::size_t first = by_attribute ? 1 : 0;
  Test test = nullptr;
  Arguments rest;
  if (arguments.positional.size() > first) {
    const std::string& name = name_of(arguments.positional[first], "test");
    test = find_test(name);
    if (test == nullptr) refuse("select: found the test '" + name + "', which is not supported");
    rest = rest_of(arguments, first + 1);
  }
  return [&interpreter, path, test, rest, wanted](Value& value) {
    const Value looked_at = path.get(interpreter, value, {});
    return (test == nullptr ? looked_at.truth() : test(interpreter, looked_at, rest)) == wanted;
  };
}

template <bool by_attribute, bool wanted>
Value select(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  return treated(interpreter, input, arguments, [&interpreter, arguments] {
    return make_selection(interpreter, arguments, by_attribute, wanted);
  });
}

}  // namespace

void add_selection_filters(Filters& filters) {
  filters.insert({{"map", map},
                  {"select", select<false, true>},
                  {"reject", select<false, false>},
                  {"selectattr", select<true, true>},
                  {"rejectattr", select<true, false>}});
}

}  // namespace limelight::stages::jinja
