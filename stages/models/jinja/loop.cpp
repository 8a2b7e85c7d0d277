#include "stages/models/jinja/loop.hpp"

#include "stages/models/jinja/compare.hpp"
#include "stages/models/jinja/iterate.hpp"
#include "stages/models/jinja/objects.hpp"

namespace limelight::stages::jinja {

bool FilteredIterator::next(Value& value) {
  while (items_->next(value))
    if (interpreter_.passes(loop_, value, activation_)) return true;
  return false;
}

bool Loop::next(Value& value) {
  if (!after_.is(Kind::missing)) value = std::exchange(after_, Value());
  else if (items_ == nullptr || !items_->next(value)) return false;
  ++index0_;
  before_ = std::exchange(current_, value);
  return true;
}

const Value* Loop::peek() {
  if (after_.is(Kind::missing) && (items_ == nullptr || !items_->next(after_))) after_ = Value();
  return after_.is(Kind::missing) ? nullptr : &after_;
}

std::optional<std::size_t> Loop::length() {
  if (!length_) {
    std::vector<Value> rest;
    if (items_ != nullptr)
      for (Value item; items_->next(item);) rest.push_back(item);
    length_ =
        rest.size() + static_cast<std::size_t>(index0_ + 1) + (after_.is(Kind::missing) ? 0u : 1u);
    items_ = iterate_items(std::move(rest));
  }
  return length_;
}

Value Loop::attribute(Interpreter&, std::string_view name) {
  if (name == "index") return Value::of(index0_ + 1);
  if (name == "index0") return Value::of(index0_);
  if (name == "first") return Value::of(index0_ == 0);
  if (name == "last") return Value::of(peek() == nullptr);
  if (name == "length") return Value::of(*length());
  if (name == "revindex") return Value::of(static_cast<std::int64_t>(*length()) - index0_);
  if (name == "revindex0") return Value::of(static_cast<std::int64_t>(*length()) - index0_ - 1);
  if (name == "previtem") return index0_ == 0 ? Value::undefined("loop.previtem") : before_;
  if (name == "nextitem") {
    const Value* next = peek();
    return next == nullptr ? Value::undefined("loop.nextitem") : *next;
  }
  if (name == "depth") return Value::of(std::int64_t{1});
  if (name == "depth0") return Value::of(std::int64_t{0});
  if (name == "cycle")
    return Value::of(std::make_shared<Function>(
        "cycle", [this](Interpreter&, const Arguments& arguments) { return cycle(arguments); }));
  if (name == "changed")
    return Value::of(
        std::make_shared<Function>("changed", [this](Interpreter& by, const Arguments& arguments) {
          return Value::of(changed(by, arguments));
        }));
  return {};
}

Value Loop::cycle(const Arguments& arguments) const {
  const auto& items = arguments.positional;
  if (items.empty()) fail("loop.cycle: found no arguments, expected one or more");
  return items[static_cast<std::size_t>(index0_) % items.size()];
}

bool Loop::changed(Interpreter& interpreter, const Arguments& arguments) {
  Value now = Value::tuple(arguments.positional);
  charge_comparison(interpreter.budget(), now, last_changed_);
  if (equal(now, last_changed_)) return false;
  last_changed_ = std::move(now);
  return true;
}

void Loop::clear() {
  items_.reset();
  before_ = current_ = after_ = last_changed_ = Value();
}

}  // namespace limelight::stages::jinja
