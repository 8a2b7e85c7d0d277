#include "stages/models/jinja/compare.hpp"

#include <algorithm>
#include <cmath>

#include "stages/models/jinja/object.hpp"
#include "stages/models/jinja/search.hpp"

namespace limelight::stages::jinja {

namespace {

bool is_whole(const Value& value) { return value.is(Kind::boolean) || value.is(Kind::integer); }
std::int64_t whole(const Value& value) {
  return value.is(Kind::boolean) ? std::int64_t{value.boolean()} : value.integer();
}
// Exact for all 64-bit integers, as the significand has 64 bits or more.
long double wide(const Value& value) {
  return value.is(Kind::number) ? static_cast<long double>(value.number())
                                : static_cast<long double>(whole(value));
}

bool equal_dicts(const Dict& a, const Dict& b) {
  if (a.size() != b.size()) return false;
  return std::all_of(a.entries().begin(), a.entries().end(), [&](const Dict::Entry& entry) {
    const Value* other = b.find(entry.first);
    return other != nullptr && equal(entry.second, *other);
  });
}

[[noreturn]] void no_order(const Value& a, const Value& b) {
  fail("found a comparison of a value of type " + std::string(a.type_name()) +
       " with one of type " + std::string(b.type_name()) +
       ", expected two numbers, two strings or two lists");
}

int key_rank(const Value& value) {
  switch (value.kind()) {
    case Kind::boolean:
    case Kind::integer:
    case Kind::number: return 0;
    case Kind::string: return 1;
    case Kind::none: return 2;
    case Kind::tuple: return 3;
    case Kind::object: return 4;
    default: return 5;
  }
}

}  // namespace

bool equal(const Value& a, const Value& b) {
  if (a.is_number() && b.is_number())
    return is_whole(a) && is_whole(b) ? whole(a) == whole(b) : wide(a) == wide(b);
  if (a.kind() != b.kind()) return false;
  switch (a.kind()) {
    case Kind::string: return a.bytes() == b.bytes();
    case Kind::list:
    case Kind::tuple:
      return std::equal(a.items().begin(), a.items().end(), b.items().begin(), b.items().end(),
                        equal);
    case Kind::dict: return equal_dicts(a.dict(), b.dict());
    case Kind::object: return a.object()->equals(*b.object());
    default: return true;
  }
}

bool less(const Value& a, const Value& b) { return compare_order(Operator::less, a, b); }

bool compare_order(Operator operation, const Value& a, const Value& b) {
  const auto holds = [operation](const auto& x, const auto& y) {
    switch (operation) {
      case Operator::less: return x < y;
      case Operator::less_equal: return x <= y;
      case Operator::greater: return x > y;
      default: return x >= y;
    }
  };
  if (a.is_number() && b.is_number())
    return is_whole(a) && is_whole(b) ? holds(whole(a), whole(b)) : holds(wide(a), wide(b));
  if (a.kind() != b.kind()) no_order(a, b);
  if (a.is(Kind::string)) return holds(a.bytes(), b.bytes());
  if (!a.is_sequence()) no_order(a, b);
  const auto [x, y] =
      std::mismatch(a.items().begin(), a.items().end(), b.items().begin(), b.items().end(), equal);
  if (x == a.items().end() || y == b.items().end())
    return holds(a.items().size(), b.items().size());
  return compare_order(operation, *x, *y);
}

bool contains(const Value& container, const Value& item, Budget& budget) {
  switch (container.kind()) {
    case Kind::undefined: return false;
    case Kind::string:
      if (!item.is(Kind::string))
        fail("found a search for a value of type " + std::string(item.type_name()) +
             " in a string, expected a search for a string");
      budget.copy(container.bytes().size());
      return find_text(container.bytes(), item.bytes()) != std::string::npos;
    case Kind::list:
    case Kind::tuple:
      return std::any_of(container.items().begin(), container.items().end(),
                         [&](const Value& other) {
                           charge_comparison(budget, other, item);
                           return equal(other, item);
                         });
    case Kind::dict: budget.copy(item.weight()); return container.dict().find(item) != nullptr;
    case Kind::object: {
      const std::shared_ptr<Object>& object = container.object();
      if (const auto found = object->contains(item)) return *found;
      if (const auto items = object->iterate()) {
        for (Value other; items->next(other);) {
          charge_comparison(budget, other, item);
          if (equal(other, item)) return true;
        }
        return false;
      }
      [[fallthrough]];
    }
    default:
      fail("found 'in' a value of type " + std::string(container.type_name()) +
           ", expected a string, a list or a dict");
  }
}

bool key_before(const Value& a, const Value& b) {
  const int rank = key_rank(a);
  if (rank != key_rank(b)) return rank < key_rank(b);
  switch (rank) {
    case 0: {
      const long double x = wide(a), y = wide(b);
      if (std::isnan(x) || std::isnan(y)) return std::isnan(x) < std::isnan(y);
      return x < y;
    }
    case 1: return a.bytes() < b.bytes();
    case 3:
      return std::lexicographical_compare(a.items().begin(), a.items().end(), b.items().begin(),
                                          b.items().end(), key_before);
    case 4: return a.object() < b.object();
    default: return false;
  }
}

void check_key(const Value& key) {
  if (key.is(Kind::list) || key.is(Kind::dict))
    fail("found a " + std::string(key.type_name()) +
         " as a key, expected a string or another value that does not change");
  if (key.is(Kind::tuple))
    for (const Value& item : key.items()) check_key(item);
}

void charge_comparison(Budget& budget, const Value& a, const Value& b) {
  budget.copy(std::min(a.weight(), b.weight()));
}

}  // namespace limelight::stages::jinja
