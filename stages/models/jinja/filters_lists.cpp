// Filters that take a list as a whole, and `default`.
#include <algorithm>

#include "stages/models/jinja/arguments.hpp"
#include "stages/models/jinja/attributes.hpp"
#include "stages/models/jinja/filters.hpp"
#include "stages/models/jinja/interpreter.hpp"
#include "stages/models/jinja/iterate.hpp"
#include "stages/models/jinja/numbers.hpp"
#include "stages/models/jinja/objects.hpp"

namespace limelight::stages::jinja {

namespace {

Value length(Interpreter&, const Value& input, const Arguments& arguments) {
  const Bound bound("length", arguments, {});
  if (const auto length = length_of(input)) return Value::of(*length);
  fail("length: found a value of type " + std::string(input.type_name()) +
       ", expected a string, a list or a dict");
}

Value with_default(Interpreter&, const Value& input, const Arguments& arguments) {
  const Bound bound("default", arguments, {"default_value", "boolean"});
  if (input.is(Kind::undefined) || (bound.truth(1) && !input.truth()))
    return bound.value(0, Value::of(""));
  return input;
}

Value first(Interpreter&, const Value& input, const Arguments& arguments) {
  const Bound bound("first", arguments, {});
  Value item;
  return iterate(input)->next(item) ? item : Value::undefined("the first item of an empty list");
}

Value last(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const Bound bound("last", arguments, {});
  if (input.is_sequence() && !input.items().empty()) return input.items().back();
  auto items = reversed_items(input, interpreter.budget());
  if (!items)
    fail("last: found a value of type " + std::string(input.type_name()) +
         ", expected a string, a list or a dict");
  return items->empty() ? Value::undefined("the last item of an empty list") : items->front();
}

Value to_list(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const Bound bound("list", arguments, {});
  return Value::list(all_items(input, interpreter.budget()));
}

Value generator(std::unique_ptr<Iterator> items, const Value& from) {
  return Value::of(std::make_shared<Generator>(std::move(items), from.depth()));
}

Value reverse(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const Bound bound("reverse", arguments, {});
  if (input.is(Kind::string))
    return get_slice(interpreter.budget(), input, Value::none(), Value::none(),
                     Value::of(std::int64_t{-1}));
  if (auto items = reversed_items(input, interpreter.budget()))
    return generator(iterate_items(std::move(*items)), input);
  std::vector<Value> items = all_items(input, interpreter.budget());
  std::reverse(items.begin(), items.end());
  return Value::list(std::move(items));
}

// The pairs are made when they are asked for, and so is the error for what is no dict.
class PairIterator final : public Iterator {
 public:
  explicit PairIterator(Value dict) : dict_(std::move(dict)) {}
  bool next(Value& value) override {
    if (dict_.is(Kind::undefined)) return false;
    if (!dict_.is(Kind::dict))
      fail("items: found a value of type " + std::string(dict_.type_name()) + ", expected a dict");
    if (at_ >= dict_.dict().size()) return false;
    const auto& [key, item] = dict_.dict().entries()[at_++];
    value = Value::tuple({key, item});
    return true;
  }

 private:
  Value dict_;
  std::size_t at_ = 0;
};

Value items(Interpreter&, const Value& input, const Arguments& arguments) {
  const Bound bound("items", arguments, {});
  return generator(std::make_unique<PairIterator>(input), input);
}

// Runs when the first item is asked for.
class LazyItems final : public Iterator {
 public:
  using Make = std::vector<Value> (*)(Budget&,
                                      const Value& input,
                                      std::int64_t count,
                                      const Value& fill);
  LazyItems(Interpreter& interpreter, Make make, Value input, Value count, Value fill)
      : interpreter_(interpreter),
        make_(make),
        input_(std::move(input)),
        count_(std::move(count)),
        fill_(std::move(fill)) {}
  bool next(Value& value) override {
    if (items_ == nullptr) {
      const auto count = index_of(count_);
      if (!count) fail("batch or slice: found another value, expected a whole number");
      items_ = iterate_items(make_(interpreter_.budget(), input_, *count, fill_));
    }
    return items_->next(value);
  }

 private:
  Interpreter& interpreter_;
  Make make_;
  Value input_, count_, fill_;
  std::unique_ptr<Iterator> items_;
};

std::vector<Value> make_batches(Budget& budget,
                                const Value& input,
                                std::int64_t count,
                                const Value& fill) {
  std::vector<Value> batches, batch;
  for (Value& item : all_items(input, budget)) {
    if (static_cast<std::int64_t>(batch.size()) == count)
      batches.push_back(Value::list(std::exchange(batch, {})));
    batch.push_back(std::move(item));
  }
  if (batch.empty()) return batches;
  if (!fill.is(Kind::none))
    while (static_cast<std::int64_t>(batch.size()) < count) {
      budget.step();
      batch.push_back(fill);
    }
  batches.push_back(Value::list(std::move(batch)));
  return batches;
}

std::vector<Value> make_slices(Budget& budget,
                               const Value& input,
                               std::int64_t count,
                               const Value& fill) {
  const std::vector<Value> all = all_items(input, budget);
  if (count == 0) fail("slice: found 0 slices, expected one or more");
  std::vector<Value> slices;
  if (count < 0) return slices;
  const auto size = static_cast<std::int64_t>(all.size());
  const std::int64_t each = size / count, longer = size % count;
  auto from = all.begin();
  for (std::int64_t i = 0; i < count; ++i) {
    budget.step();
    const auto to = from + each + (i < longer ? 1 : 0);
    std::vector<Value> slice(from, to);
    if (!fill.is(Kind::none) && i >= longer) slice.push_back(fill);
    slices.push_back(Value::list(std::move(slice)));
    from = to;
  }
  return slices;
}

template <LazyItems::Make make>
Value divided(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const Bound bound("batch or slice", arguments, {"count", "fill_with"}, 1);
  return generator(std::make_unique<LazyItems>(interpreter, make, input, bound[0],
                                               bound.value(1, Value::none())),
                   input);
}

Value sum(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const Bound bound("sum", arguments, {"attribute", "start"});
  Value total = bound.value(1, Value::of(std::int64_t{0}));
  if (total.is(Kind::string)) fail("sum: found a string to start with, expected a number");
  const AttributePath path(bound.value(0, Value::none()));
  for (const Value& item : all_items(input, interpreter.budget()))
    total = calculate(interpreter.budget(), Operator::add, total, path.get(interpreter, item, {}));
  return total;
}

Value attribute(Interpreter& interpreter, const Value& input, const Arguments& arguments) {
  const Bound bound("attr", arguments, {"name"}, 1);
  Value value = find_attribute(interpreter, input, bound.text(0));
  return value.is(Kind::missing) ? Value::undefined(bound.text(0)) : value;
}

}  // namespace

void add_list_filters(Filters& filters) {
  filters.insert({{"length", length},
                  {"count", length},
                  {"default", with_default},
                  {"d", with_default},
                  {"first", first},
                  {"last", last},
                  {"list", to_list},
                  {"reverse", reverse},
                  {"items", items},
                  {"batch", divided<make_batches>},
                  {"slice", divided<make_slices>},
                  {"sum", sum},
                  {"attr", attribute}});
}

}  // namespace limelight::stages::jinja
