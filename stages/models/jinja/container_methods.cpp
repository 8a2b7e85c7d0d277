// The methods of lists, tuples and dicts. Those that would change one do not exist, as in Jinja's
// immutable sandbox.
#include <algorithm>

#include "stages/models/jinja/arguments.hpp"
#include "stages/models/jinja/attributes.hpp"
#include "stages/models/jinja/compare.hpp"
#include "stages/models/jinja/interpreter.hpp"
#include "stages/models/jinja/methods.hpp"
#include "stages/models/jinja/objects.hpp"

namespace limelight::stages::jinja {

namespace {

Value bind(const Value& value,
           std::string_view name,
           Value (*method)(Interpreter&, const Value&, const Arguments&)) {
  return Value::of(std::make_shared<Function>(
      std::string(name),
      [value, method](Interpreter& interpreter, const Arguments& arguments) {
        return method(interpreter, value, arguments);
      },
      value.depth() + 1));
}

Value list_index(Interpreter& interpreter, const Value& list, const Arguments& arguments) {
  const Bound bound("index", arguments, {"value", "start", "stop"}, 1);
  const auto& items = list.items();
  const SliceBounds range =
      slice_bounds(bound.value(1, Value::none()), bound.value(2, Value::none()), Value::none(),
                   static_cast<std::int64_t>(items.size()));
  for (std::int64_t i = range.begin; i < range.end; ++i) {
    const Value& item = items[static_cast<std::size_t>(i)];
    charge_comparison(interpreter.budget(), item, bound[0]);
    if (equal(item, bound[0])) return Value::of(i);
  }
  fail("index: found a list without the value, expected one with it");
}

Value list_count(Interpreter& interpreter, const Value& list, const Arguments& arguments) {
  const Bound bound("count", arguments, {"value"}, 1);
  std::int64_t count = 0;
  for (const Value& item : list.items()) {
    charge_comparison(interpreter.budget(), item, bound[0]);
    count += equal(item, bound[0]) ? 1 : 0;
  }
  return Value::of(count);
}

Value same(Interpreter&, const Value& value, const Arguments& arguments) {
  const Bound bound("copy", arguments, {});
  return value;
}

Value get(Interpreter& interpreter, const Value& dict, const Arguments& arguments) {
  const Bound bound("get", arguments, {"key", "default"}, 1);
  interpreter.budget().copy(bound[0].weight());
  const Value* value = dict.dict().find(bound[0]);
  return value == nullptr ? bound.value(1, Value::none()) : *value;
}

template <DictView::Part part>
Value view(Interpreter&, const Value& dict, const Arguments& arguments) {
  const Bound bound("keys, values or items", arguments, {});
  return Value::of(std::make_shared<DictView>(dict, part));
}

}  // namespace

Value list_method(const Value& list, std::string_view name) {
  if (list.is_group() && name == "grouper") return list.items()[0];
  if (list.is_group() && name == "list") return list.items()[1];
  if (name == "index") return bind(list, name, list_index);
  if (name == "count") return bind(list, name, list_count);
  if (name == "copy" && list.is(Kind::list)) return bind(list, name, same);
  if (!list.is(Kind::list)) return {};
  for (const std::string_view other :
       {"append", "clear", "pop", "reverse", "insert", "sort", "extend", "remove"})
    if (name == other) return Value::undefined(std::string(name));
  return {};
}

Value dict_method(const Value& dict, std::string_view name) {
  if (name == "get") return bind(dict, name, get);
  if (name == "items") return bind(dict, name, view<DictView::Part::items>);
  if (name == "keys") return bind(dict, name, view<DictView::Part::keys>);
  if (name == "values") return bind(dict, name, view<DictView::Part::values>);
  if (name == "copy") return bind(dict, name, same);
  if (name == "fromkeys") refuse("found the method 'fromkeys' of a dict, which is not supported");
  for (const std::string_view other : {"clear", "pop", "popitem", "setdefault", "update"})
    if (name == other) return Value::undefined(std::string(name));
  return {};
}

}  // namespace limelight::stages::jinja
