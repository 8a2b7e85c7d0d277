// Equality and order of values, as in Python.
//
// A comparison takes time in proportion to the lighter value; the caller charges that to the
// budget.
#pragma once

#include "stages/models/jinja/syntax.hpp"

namespace limelight::stages::jinja {

bool equal(const Value& a, const Value& b);
// Python's a < b. Throws a Failure where Python has no order, such as for a text and a number.
bool less(const Value& a, const Value& b);
// The same for the operators <, <=, > and >=.
bool compare_order(Operator operation, const Value& a, const Value& b);
// Python's `item in container`; throws a Failure if the container cannot hold anything.
bool contains(const Value& container, const Value& item, Budget& budget);

// A total order of all values that can be the key of a dict. Equal keys are neither before the
// other.
bool key_before(const Value& a, const Value& b);
// Throws a Failure if the value cannot be a key: a list or a dict, or a tuple with one in it.
void check_key(const Value& key);

// Charges a comparison of the two.
void charge_comparison(Budget& budget, const Value& a, const Value& b);

}  // namespace limelight::stages::jinja
