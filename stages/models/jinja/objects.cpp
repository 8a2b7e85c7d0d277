#include "stages/models/jinja/objects.hpp"

#include <algorithm>
#include <cmath>

#include "stages/models/jinja/attributes.hpp"
#include "stages/models/jinja/compare.hpp"
#include "stages/models/jinja/interpreter.hpp"
#include "stages/models/jinja/iterate.hpp"
#include "stages/models/jinja/printing.hpp"

namespace limelight::stages::jinja {

namespace {

class RangeIterator final : public Iterator {
 public:
  RangeIterator(std::int64_t begin, std::int64_t step, std::int64_t length)
      : begin_(begin), step_(step), length_(length) {}
  bool next(Value& value) override {
    if (at_ >= length_) return false;
    value = Value::of(begin_ + at_++ * step_);
    return true;
  }

 private:
  std::int64_t begin_, step_, length_, at_ = 0;
};

// A generator is used up by whoever iterates over it, so all share its state.
class SharedIterator final : public Iterator {
 public:
  explicit SharedIterator(std::shared_ptr<Iterator> items) : items_(std::move(items)) {}
  bool next(Value& value) override { return items_->next(value); }

 private:
  std::shared_ptr<Iterator> items_;
};

class ViewIterator final : public Iterator {
 public:
  ViewIterator(Value dict, DictView::Part part) : dict_(std::move(dict)), part_(part) {}
  bool next(Value& value) override {
    if (at_ >= dict_.dict().size()) return false;
    const auto& [key, item] = dict_.dict().entries()[at_++];
    if (part_ == DictView::Part::keys) value = key;
    else if (part_ == DictView::Part::values) value = item;
    else value = Value::tuple({key, item});
    return true;
  }

 private:
  Value dict_;
  DictView::Part part_;
  std::size_t at_ = 0;
};

}  // namespace

Value Range::attribute(Interpreter&, std::string_view name) {
  if (name == "start") return Value::of(begin_);
  if (name == "stop") return Value::of(end_);
  if (name == "step") return Value::of(step_);
  return {};
}

Value Range::item(const Value& key) {
  const std::optional<std::int64_t> index = index_of(key);
  if (!index) return {};
  const std::int64_t place = *index < 0 ? *index + length_ : *index;
  return place < 0 || place >= length_ ? Value() : Value::of(at(place));
}

std::unique_ptr<Iterator> Range::iterate() {
  return std::make_unique<RangeIterator>(begin_, step_, length_);
}

std::optional<bool> Range::contains(const Value& value) const {
  std::optional<std::int64_t> whole = index_of(value);
  if (value.is(Kind::number) && std::abs(value.number()) < 9e15)
    whole = static_cast<std::int64_t>(value.number());
  if (!whole || !equal(Value::of(*whole), value) || length_ == 0) return false;
  const auto [low, high] = std::minmax({at(0), at(length_ - 1)});
  return *whole >= low && *whole <= high && (*whole - low) % step_ == 0;
}

bool Range::equals(const Object& other) const {
  const auto* range = dynamic_cast<const Range*>(&other);
  return range != nullptr && length_ == range->length_ &&
         (length_ == 0 || (begin_ == range->begin_ && (length_ == 1 || step_ == range->step_)));
}

void Range::print(std::string& out, int) const {
  out += "range(" + std::to_string(begin_) + ", " + std::to_string(end_);
  if (step_ != 1) out += ", " + std::to_string(step_);
  out += ')';
}

Value Range::slice(const Value& begin, const Value& end, const Value& step) const {
  const SliceBounds bounds = slice_bounds(begin, end, step, length_);
  return Value::of(std::make_shared<Range>(at(bounds.begin), at(bounds.end), step_ * bounds.step,
                                           bounds.length));
}

std::string_view DictView::type_name() const {
  return part_ == Part::keys ? "dict_keys" : part_ == Part::values ? "dict_values" : "dict_items";
}

std::unique_ptr<Iterator> DictView::iterate() {
  return std::make_unique<ViewIterator>(dict_, part_);
}

std::optional<bool> DictView::contains(const Value& value) const {
  if (part_ == Part::values) return std::nullopt;
  if (part_ == Part::keys) return dict_.dict().find(value) != nullptr;
  if (!value.is(Kind::tuple) || value.items().size() != 2) return false;
  const Value* item = dict_.dict().find(value.items()[0]);
  return item != nullptr && equal(*item, value.items()[1]);
}

bool DictView::equals(const Object& other) const {
  const auto* view = dynamic_cast<const DictView*>(&other);
  if (view == nullptr || part_ == Part::values || view->part_ == Part::values)
    return this == &other;
  const auto& entries = dict_.dict().entries();
  return entries.size() == view->dict_.dict().size() &&
         std::all_of(entries.begin(), entries.end(), [&](const Dict::Entry& entry) {
           return *view->contains(part_ == Part::keys ? entry.first
                                                      : Value::tuple({entry.first, entry.second}));
         });
}

void DictView::print(std::string& out, int depth) const {
  out += type_name();
  out += '(';
  ViewIterator items(dict_, part_);
  std::vector<Value> all;
  for (Value item; items.next(item);) all.push_back(item);
  jinja::print(Value::list(std::move(all)), out, true, depth + 1);
  out += ')';
}

std::unique_ptr<Iterator> Generator::iterate() { return std::make_unique<SharedIterator>(items_); }

Value Namespace::attribute(Interpreter&, std::string_view name) {
  const Value* value = attributes_.find(name);
  return value == nullptr ? Value() : *value;
}

void Namespace::set(const std::string& name, Value value) {
  if (name.starts_with('_'))
    fail("found an assignment to the attribute '" + name +
         "' of a namespace, expected a name without an underscore at its beginning");
  attributes_.set(Value::of(name), std::move(value));
}

void Namespace::print(std::string& out, int depth) const {
  out += "<Namespace ";
  jinja::print(Value::of(attributes_), out, true, depth + 1);
  out += '>';
}

bool BigInteger::equals(const Object& other) const {
  const auto* big = dynamic_cast<const BigInteger*>(&other);
  return big != nullptr && big->digits_ == digits_;
}

Value Cycler::attribute(Interpreter&, std::string_view name) {
  const auto current = [this] { return items_.items()[at_]; };
  if (name == "current") return current();
  if (name == "next")
    return Value::of(
        std::make_shared<Function>("next", [this, current](Interpreter&, const Arguments&) {
          Value value = current();
          at_ = (at_ + 1) % items_.items().size();
          return value;
        }));
  if (name == "reset")
    return Value::of(std::make_shared<Function>("reset", [this](Interpreter&, const Arguments&) {
      at_ = 0;
      return Value::none();
    }));
  return {};
}

Value Joiner::call(Interpreter&, const Arguments&) {
  return std::exchange(used_, true) ? separator_ : Value::of("");
}

}  // namespace limelight::stages::jinja
