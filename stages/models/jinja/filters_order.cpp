// Filters that compare items: sort, dictsort, unique, groupby, min and max.
#include <algorithm>
#include <cmath>
#include <set>

#include "stages/models/jinja/arguments.hpp"
#include "stages/models/jinja/attributes.hpp"
#include "stages/models/jinja/compare.hpp"
#include "stages/models/jinja/filters.hpp"
#include "stages/models/jinja/interpreter.hpp"
#include "stages/models/jinja/iterate.hpp"
#include "stages/models/jinja/objects.hpp"
#include "stages/models/jinja/unicode.hpp"

namespace limelight::stages::jinja {

namespace {

Value folded(Budget& budget, const Value& value, bool case_sensitive) {
  if (case_sensitive || !value.is(Kind::string)) return value;
  budget.text(value.bytes().size());
  return Value::of(lower(value.bytes()));
}

struct Keyed {
  Value key, item;
};

// Stable, also in reverse.
std::vector<Value> sorted(Budget& budget, std::vector<Keyed> items, bool reverse) {
  std::size_t weight = 0;
  for (const Keyed& item : items) weight += item.key.weight();
  const auto rounds = static_cast<std::size_t>(std::log2(static_cast<double>(items.size()) + 2));
  budget.copy(weight * rounds);
  budget.step(static_cast<std::int64_t>(items.size() * rounds));
  std::stable_sort(items.begin(), items.end(), [reverse](const Keyed& a, const Keyed& b) {
    return reverse ? less(b.key, a.key) : less(a.key, b.key);
  });
  std::vector<Value> values;
  for (Keyed& item : items) values.push_back(std::move(item.item));
  return values;
}

Value sort(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const Bound bound("sort", arguments, {"reverse", "case_sensitive", "attribute"});
  Budget& budget = interpreter.budget();
  std::vector<AttributePath> paths;  // several, with commas between them
  if (bound.has_value(2) && bound[2].is(Kind::string)) {
    const std::string& names = bound[2].bytes();
    for (std::size_t begin = 0; begin <= names.size();) {
      const std::size_t end = std::min(names.find(',', begin), names.size());
      paths.emplace_back(Value::of(names.substr(begin, end - begin)));
      begin = end + 1;
    }
  } else {
    paths.emplace_back(bound.value(2, Value::none()));
  }
  std::vector<Keyed> items;
  for (const Value& item : all_items(input, budget)) {
    std::vector<Value> keys;
    for (const AttributePath& path : paths)
      keys.push_back(folded(budget, path.get(interpreter, item, {}), bound.truth(1)));
    items.push_back({Value::list(std::move(keys)), item});
  }
  return Value::list(sorted(budget, std::move(items), bound.truth(0)));
}

Value dictsort(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const Bound bound("dictsort", arguments, {"case_sensitive", "by", "reverse"});
  const std::string by = bound.text(1, "key");
  if (by != "key" && by != "value")
    fail("dictsort: found '" + by + "' to sort by, expected key or value");
  if (!input.is(Kind::dict))
    fail("dictsort: found a value of type " + std::string(input.type_name()) + ", expected a dict");
  std::vector<Keyed> items;
  for (const auto& [key, value] : input.dict().entries())
    items.push_back({folded(interpreter.budget(), by == "key" ? key : value, bound.truth(0)),
                     Value::tuple({key, value})});
  return Value::list(sorted(interpreter.budget(), std::move(items), bound.truth(2)));
}

class UniqueIterator final : public Iterator {
 public:
  UniqueIterator(Interpreter& interpreter, const Value& input, bool case_sensitive, Value attribute)
      : interpreter_(interpreter),
        input_(input),
        path_(attribute),
        case_sensitive_(case_sensitive),
        seen_(key_before) {}
  bool next(Value& value) override {
    if (items_ == nullptr) items_ = iterate(input_);
    while (items_->next(value)) {
      interpreter_.budget().copy(value.weight());
      const Value key =
          folded(interpreter_.budget(), path_.get(interpreter_, value, {}), case_sensitive_);
      check_key(key);
      if (seen_.insert(key).second) return true;
    }
    return false;
  }

 private:
  Interpreter& interpreter_;
  Value input_;
  AttributePath path_;
  bool case_sensitive_;
  std::set<Value, bool (*)(const Value&, const Value&)> seen_;
  std::unique_ptr<Iterator> items_;
};

Value unique(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const Bound bound("unique", arguments, {"case_sensitive", "attribute"});
  return Value::of(std::make_shared<Generator>(
      std::make_unique<UniqueIterator>(interpreter, input, bound.truth(0),
                                       bound.value(1, Value::none())),
      input.depth()));
}

Value groupby(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const Bound bound("groupby", arguments, {"attribute", "default", "case_sensitive"}, 1);
  Budget& budget = interpreter.budget();
  const bool case_sensitive = bound.truth(2);
  const AttributePath path(bound[0]);
  const Value otherwise = bound.has_value(1) ? bound[1] : Value();
  const auto key_of = [&](const Value& item) {
    return folded(budget, path.get(interpreter, item, otherwise), case_sensitive);
  };
  std::vector<Keyed> keyed;
  for (const Value& item : all_items(input, budget)) keyed.push_back({key_of(item), item});
  const std::vector<Value> items = sorted(budget, std::move(keyed), false);
  std::vector<Value> groups;
  for (std::size_t begin = 0, end = 0; begin < items.size(); begin = end) {
    const Value key = key_of(items[begin]);
    std::vector<Value> group;
    for (; end < items.size() && equal(key_of(items[end]), key); ++end) group.push_back(items[end]);
    groups.push_back(Value::group(path.get(interpreter, items[begin], otherwise),
                                  Value::list(std::move(group))));
  }
  return Value::list(std::move(groups));
}

template <Operator better>
Value extreme(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const Bound bound("min or max", arguments, {"case_sensitive", "attribute"});
  Budget& budget = interpreter.budget();
  const AttributePath path(bound.value(1, Value::none()));
  const auto items = iterate(input);
  Value best, best_key;
  for (Value item; items->next(item);) {
    budget.step();
    Value key = folded(budget, path.get(interpreter, item, {}), bound.truth(0));
    if (!best.is(Kind::missing)) {
      charge_comparison(budget, key, best_key);
      if (!compare_order(better, key, best_key)) continue;
    }
    best = item;
    best_key = std::move(key);
  }
  return best.is(Kind::missing) ? Value::undefined("the best item of an empty list") : best;
}

}  // namespace

void add_order_filters(Filters& filters) {
  filters.insert({{"sort", sort},
                  {"dictsort", dictsort},
                  {"unique", unique},
                  {"groupby", groupby},
                  {"min", extreme<Operator::less>},
                  {"max", extreme<Operator::greater>}});
}

}  // namespace limelight::stages::jinja
