#include "stages/models/jinja/iterate.hpp"

#include <algorithm>

#include "stages/models/jinja/unicode.hpp"

namespace limelight::stages::jinja {

namespace {

class ListIterator final : public Iterator {
 public:
  explicit ListIterator(Value list) : list_(std::move(list)) {}
  bool next(Value& value) override {
    if (at_ >= list_.items().size()) return false;
    value = list_.items()[at_++];
    return true;
  }

 private:
  Value list_;
  std::size_t at_ = 0;
};

class KeyIterator final : public Iterator {
 public:
  explicit KeyIterator(Value dict) : dict_(std::move(dict)) {}
  bool next(Value& value) override {
    if (at_ >= dict_.dict().size()) return false;
    value = dict_.dict().entries()[at_++].first;
    return true;
  }

 private:
  Value dict_;
  std::size_t at_ = 0;
};

class PointIterator final : public Iterator {
 public:
  explicit PointIterator(Value text) : text_(std::move(text)) {}
  bool next(Value& value) override {
    const std::string& bytes = text_.bytes();
    if (at_ >= bytes.size()) return false;
    const std::size_t begin = at_;
    next_point(bytes, at_);
    value = Value::of(bytes.substr(begin, at_ - begin));
    return true;
  }

 private:
  Value text_;
  std::size_t at_ = 0;
};

class ItemsIterator final : public Iterator {
 public:
  explicit ItemsIterator(std::vector<Value> items) : items_(std::move(items)) {}
  bool next(Value& value) override {
    if (at_ >= items_.size()) return false;
    value = std::move(items_[at_++]);
    return true;
  }

 private:
  std::vector<Value> items_;
  std::size_t at_ = 0;
};

}  // namespace

std::unique_ptr<Iterator> iterate_items(std::vector<Value> items) {
  return std::make_unique<ItemsIterator>(std::move(items));
}

std::unique_ptr<Iterator> try_iterate(const Value& value) {
  switch (value.kind()) {
    case Kind::undefined: return iterate_items({});
    case Kind::string: return std::make_unique<PointIterator>(value);
    case Kind::list:
    case Kind::tuple: return std::make_unique<ListIterator>(value);
    case Kind::dict: return std::make_unique<KeyIterator>(value);
    case Kind::object: return value.object()->iterate();
    default: return nullptr;
  }
}

std::unique_ptr<Iterator> iterate(const Value& value) {
  auto iterator = try_iterate(value);
  if (iterator == nullptr)
    fail("found a value of type " + std::string(value.type_name()) +
         ", expected one with items: a list, a dict or a string");
  return iterator;
}

std::vector<Value> all_items(const Value& value, Budget& budget) {
  std::vector<Value> items;
  const auto iterator = iterate(value);
  for (Value item; iterator->next(item);) {
    budget.step();
    items.push_back(item);
  }
  return items;
}

std::optional<std::size_t> length_of(const Value& value) {
  switch (value.kind()) {
    case Kind::undefined: return 0;
    case Kind::string: return value.text().points;
    case Kind::list:
    case Kind::tuple: return value.items().size();
    case Kind::dict: return value.dict().size();
    case Kind::object: return value.object()->length();
    default: return std::nullopt;
  }
}

std::optional<std::vector<Value>> reversed_items(const Value& value, Budget& budget) {
  if (value.kind() <= Kind::number && !value.is(Kind::undefined)) return std::nullopt;
  if (value.is(Kind::object) && !value.object()->reversible()) return std::nullopt;
  std::vector<Value> items = all_items(value, budget);
  std::reverse(items.begin(), items.end());
  return items;
}

}  // namespace limelight::stages::jinja
