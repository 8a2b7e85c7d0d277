// Iteration over values, as Python's iter() does it.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "stages/models/jinja/object.hpp"

namespace limelight::stages::jinja {

// nullptr: the value cannot be iterated.
std::unique_ptr<Iterator> try_iterate(const Value& value);
// Throws a Failure if it cannot.
std::unique_ptr<Iterator> iterate(const Value& value);
// All items; each is charged to the budget.
std::vector<Value> all_items(const Value& value, Budget& budget);
// Python's len(); nothing if the value has no length.
std::optional<std::size_t> length_of(const Value& value);
// The items from the last to the first; nothing if Python's reversed() refuses the value.
std::optional<std::vector<Value>> reversed_items(const Value& value, Budget& budget);

// An iterator over items that are there already.
std::unique_ptr<Iterator> iterate_items(std::vector<Value> items);

}  // namespace limelight::stages::jinja
