// Attributes, items and slices of values.
//
// As in Jinja, `a.b` is the attribute b of a, or else the item 'b'; `a['b']` is the item, or else
// the attribute. If there is neither, the result is undefined. What would change a list or a dict
// (`append`, `update`) is undefined too, as in Jinja's immutable sandbox.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "stages/models/jinja/object.hpp"

namespace limelight::stages::jinja {

// Throw a Failure if the object is undefined.
Value get_attribute(Interpreter& interpreter, const Value& object, std::string_view name);
Value get_item(Interpreter& interpreter, const Value& object, const Value& key);
// Each bound is none if it was left out.
Value get_slice(
    Budget& budget, const Value& object, const Value& begin, const Value& end, const Value& step);

// The attribute or method alone; missing: there is none.
Value find_attribute(Interpreter& interpreter, const Value& object, std::string_view name);

// "address.0.city" or a whole number, as filters take it; a path is followed with get_item.
class AttributePath {
 public:
  explicit AttributePath(const Value& path);
  // default_value: missing, or what takes the place of an undefined result.
  Value get(Interpreter& interpreter, Value object, const Value& default_value) const;

 private:
  std::vector<Value> parts_;
};

// What a whole number or a boolean is as an index; nothing for other values.
std::optional<std::int64_t> index_of(const Value& value);

struct SliceBounds {
  std::int64_t begin, end, step, length;
};
// Of a sequence with so many items, as Python clips them.
SliceBounds slice_bounds(const Value& begin,
                         const Value& end,
                         const Value& step,
                         std::int64_t length);

}  // namespace limelight::stages::jinja
