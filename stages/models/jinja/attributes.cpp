#include "stages/models/jinja/attributes.hpp"

#include <algorithm>
#include <array>

#include "stages/models/jinja/interpreter.hpp"
#include "stages/models/jinja/methods.hpp"
#include "stages/models/jinja/objects.hpp"
#include "stages/models/jinja/unicode.hpp"

namespace limelight::stages::jinja {

namespace {

[[noreturn]] void fail_undefined(const Value& value) {
  fail("found '" + value.name() + "', which is undefined, where its attributes or items are read");
}

bool is_one_of(std::string_view name, std::initializer_list<std::string_view> names) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

Value part_of(const Text& whole, std::string bytes) {
  Text part(std::move(bytes));
  part.markup = whole.markup;
  return Value::of(std::move(part));
}

Value item_of_text(const Text& text, std::int64_t index) {
  const auto points = static_cast<std::int64_t>(text.points);
  if (index < 0) index += points;
  if (index < 0 || index >= points) return {};
  const bool ascii = text.points == text.bytes.size();
  const std::size_t begin = ascii ? static_cast<std::size_t>(index)
                                  : byte_of_point(text.bytes, static_cast<std::size_t>(index));
  std::size_t end = begin;
  next_point(text.bytes, end);
  return part_of(text, text.bytes.substr(begin, end - begin));
}

// Python's object[key]; missing: there is none.
Value find_item(Interpreter& interpreter, const Value& object, const Value& key) {
  switch (object.kind()) {
    case Kind::undefined: fail_undefined(object);
    case Kind::string:
      if (const auto index = index_of(key)) {
        if (object.text().points != object.bytes().size())
          interpreter.budget().copy(object.bytes().size());
        return item_of_text(object.text(), *index);
      }
      return {};
    case Kind::list:
    case Kind::tuple: {
      const auto index = index_of(key);
      if (!index) return {};
      const auto size = static_cast<std::int64_t>(object.items().size());
      const std::int64_t place = *index < 0 ? *index + size : *index;
      return place < 0 || place >= size ? Value() : object.items()[static_cast<std::size_t>(place)];
    }
    case Kind::dict: {
      if (key.is(Kind::list) || key.is(Kind::dict)) return {};  // as Python cannot hash it
      interpreter.budget().copy(key.weight());
      const Value* value = object.dict().find(key);
      return value == nullptr ? Value() : *value;
    }
    case Kind::object: return object.object()->item(key);
    default: return {};
  }
}

std::string key_name(const Value& key) {
  if (key.is(Kind::string)) return key.bytes().substr(0, 100);
  return key.is(Kind::integer) ? std::to_string(key.integer()) : std::string(key.type_name());
}

}  // namespace

Value find_attribute(Interpreter& interpreter, const Value& object, std::string_view name) {
  if (object.is(Kind::undefined)) fail_undefined(object);
  if (name.starts_with("__")) return {};
  interpreter.budget().copy(name.size());
  switch (object.kind()) {
    case Kind::string: return string_method(object, name);
    case Kind::list:
    case Kind::tuple: return list_method(object, name);
    case Kind::dict: return dict_method(object, name);
    case Kind::object: return object.object()->attribute(interpreter, name);
    case Kind::boolean:
    case Kind::integer:
    case Kind::number:
      if (is_one_of(name, {"real", "imag", "numerator", "denominator", "is_integer", "bit_length",
                           "bit_count", "conjugate", "as_integer_ratio", "hex", "to_bytes"}))
        refuse("found the attribute '" + std::string(name) +
               "' of a number, which is not supported");
      return {};
    default: return {};
  }
}

Value get_attribute(Interpreter& interpreter, const Value& object, std::string_view name) {
  Value value = find_attribute(interpreter, object, name);
  if (value.is(Kind::missing)) value = find_item(interpreter, object, Value::of(name));
  return value.is(Kind::missing) ? Value::undefined(std::string(name)) : value;
}

Value get_item(Interpreter& interpreter, const Value& object, const Value& key) {
  Value value = find_item(interpreter, object, key);
  if (value.is(Kind::missing) && key.is(Kind::string))
    value = find_attribute(interpreter, object, key.bytes());
  return value.is(Kind::missing) ? Value::undefined(key_name(key)) : value;
}

std::optional<std::int64_t> index_of(const Value& value) {
  if (value.is(Kind::integer)) return value.integer();
  if (value.is(Kind::boolean)) return std::int64_t{value.boolean()};
  return std::nullopt;
}

SliceBounds slice_bounds(const Value& begin,
                         const Value& end,
                         const Value& step,
                         std::int64_t length) {
  const auto bound = [](const Value& value, std::int64_t otherwise) {
    if (value.is(Kind::none)) return otherwise;
    if (const auto index = index_of(value)) return *index;
    fail("found a value of type " + std::string(value.type_name()) +
         " as the bound of a slice, expected a whole number or nothing");
  };
  // Larger steps reach no other items.
  const std::int64_t stride = std::clamp(bound(step, 1), -length - 1, length + 1);
  if (stride == 0) fail("found a slice with the step 0, expected another number");
  const std::int64_t low = stride > 0 ? 0 : -1, high = stride > 0 ? length : length - 1;
  const auto clipped = [&](const Value& value, std::int64_t otherwise) {
    if (value.is(Kind::none)) return otherwise;
    const std::int64_t index = bound(value, 0);
    if (index < -length) return low;
    return std::clamp(index < 0 ? index + length : index, low, high);
  };
  SliceBounds bounds{.begin = clipped(begin, stride > 0 ? low : high),
                     .end = clipped(end, stride > 0 ? high : low),
                     .step = stride,
                     .length = 0};
  const std::int64_t distance = stride > 0 ? bounds.end - bounds.begin : bounds.begin - bounds.end;
  if (distance > 0) bounds.length = (distance - 1) / std::abs(stride) + 1;
  return bounds;
}

namespace {

Value slice_text(Budget& budget, const Text& text, const SliceBounds& bounds) {
  budget.text(text.bytes.size());
  if (bounds.length == 0) return part_of(text, "");
  std::vector<std::size_t> begins;  // of the points; empty where each is one byte
  if (text.points != text.bytes.size()) {
    for (std::size_t at = 0; at < text.bytes.size(); next_point(text.bytes, at))
      begins.push_back(at);
    begins.push_back(text.bytes.size());
  }
  const auto byte = [&](std::int64_t point) {
    const auto index = static_cast<std::size_t>(point);
    return begins.empty() ? index : begins[index];
  };
  if (bounds.step == 1)
    return Value::of(text.bytes.substr(byte(bounds.begin),
                                       byte(bounds.begin + bounds.length) - byte(bounds.begin)));
  std::string out;
  for (std::int64_t i = 0; i < bounds.length; ++i) {
    const std::int64_t point = bounds.begin + i * bounds.step;
    out += text.bytes.substr(byte(point), byte(point + 1) - byte(point));
  }
  return part_of(text, std::move(out));
}

}  // namespace

Value get_slice(
    Budget& budget, const Value& object, const Value& begin, const Value& end, const Value& step) {
  if (object.is(Kind::undefined)) fail_undefined(object);
  if (object.is(Kind::string))
    return slice_text(
        budget, object.text(),
        slice_bounds(begin, end, step, static_cast<std::int64_t>(object.text().points)));
  if (const auto* range = object.as<Range>()) return range->slice(begin, end, step);
  if (!object.is_sequence())
    fail("found a slice of a value of type " + std::string(object.type_name()) +
         ", expected a string or a list");
  const SliceBounds bounds =
      slice_bounds(begin, end, step, static_cast<std::int64_t>(object.items().size()));
  budget.step(bounds.length);
  std::vector<Value> items;
  for (std::int64_t i = 0; i < bounds.length; ++i)
    items.push_back(object.items()[static_cast<std::size_t>(bounds.begin + i * bounds.step)]);
  return object.is(Kind::list) ? Value::list(std::move(items)) : Value::tuple(std::move(items));
}

AttributePath::AttributePath(const Value& path) {
  if (!path.is(Kind::string)) {
    if (!path.is(Kind::none)) parts_.push_back(path);
    return;
  }
  const std::string& text = path.bytes();
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find('.', begin), text.size());
    const std::string part = text.substr(begin, end - begin);
    const bool number = !part.empty() && part.size() < 18 &&
                        part.find_first_not_of("0123456789") == std::string::npos;
    parts_.push_back(number ? Value::of(std::int64_t{std::stoll(part)}) : Value::of(part));
    begin = end + 1;
  }
}

Value AttributePath::get(Interpreter& interpreter, Value object, const Value& default_value) const {
  for (const Value& part : parts_) {
    interpreter.budget().step();
    object = get_item(interpreter, object, part);
    if (object.is(Kind::undefined) && !default_value.is(Kind::missing)) object = default_value;
  }
  return object;
}

}  // namespace limelight::stages::jinja
