#include "stages/models/jinja/value.hpp"

#include <algorithm>
#include <type_traits>

#include "stages/models/jinja/compare.hpp"
#include "stages/models/jinja/object.hpp"
#include "stages/models/jinja/unicode.hpp"

namespace limelight::stages::jinja {

namespace {

constexpr std::size_t few_entries = 8;

void check_depth(int depth) {
  if (depth > max_value_depth)
    throw Failure{.code = ErrorCode::too_large,
                  .message = "found lists or dicts that are nested deeper than " +
                             std::to_string(max_value_depth)};
}
void check_weight(std::size_t weight) {
  if (weight > max_weight)
    throw Failure{.code = ErrorCode::too_large,
                  .message = "found a list or dict with more than " + std::to_string(max_weight) +
                             " bytes in it"};
}

}  // namespace

Text::Text(std::string text) : bytes(std::move(text)), points(count_points(bytes)) {}

Value Value::undefined(std::string name) {
  return Value(Undefined{std::make_shared<const std::string>(std::move(name))});
}
Value Value::of(Text value) { return Value(std::make_shared<const Text>(std::move(value))); }
Value Value::of(Dict value) { return Value(std::make_shared<const Dict>(std::move(value))); }
Value Value::list(std::vector<Value> items) {
  return Value(List{std::make_shared<const Sequence>(std::move(items))});
}
Value Value::tuple(std::vector<Value> items) {
  return Value(Tuple{std::make_shared<const Sequence>(std::move(items))});
}

Value Value::group(Value key, Value items) {
  auto sequence = std::make_shared<Sequence>(std::vector<Value>{std::move(key), std::move(items)});
  sequence->group = true;
  return Value(Tuple{std::move(sequence)});
}
bool Value::is_group() const { return is(Kind::tuple) && std::get<Tuple>(held_).sequence->group; }

const std::vector<Value>& Value::items() const {
  return is(Kind::list) ? std::get<List>(held_).sequence->items
                        : std::get<Tuple>(held_).sequence->items;
}

bool Value::truth() const {
  switch (kind()) {
    case Kind::missing:
    case Kind::undefined:
    case Kind::none: return false;
    case Kind::boolean: return boolean();
    case Kind::integer: return integer() != 0;
    case Kind::number: return number() != 0;
    case Kind::string: return !bytes().empty();
    case Kind::list:
    case Kind::tuple: return !items().empty();
    case Kind::dict: return dict().size() != 0;
    case Kind::object: return object()->truth();
  }
  return false;
}

std::string_view Value::type_name() const {
  switch (kind()) {
    case Kind::missing:
    case Kind::undefined: return "Undefined";
    case Kind::none: return "NoneType";
    case Kind::boolean: return "bool";
    case Kind::integer: return "int";
    case Kind::number: return "float";
    case Kind::string: return "str";
    case Kind::list: return "list";
    case Kind::tuple: return "tuple";
    case Kind::dict: return "dict";
    case Kind::object: return object()->type_name();
  }
  return "";
}

int Value::depth() const {
  switch (kind()) {
    case Kind::list: return std::get<List>(held_).sequence->depth;
    case Kind::tuple: return std::get<Tuple>(held_).sequence->depth;
    case Kind::dict: return dict().depth();
    case Kind::object: return object()->depth();
    default: return 0;
  }
}

std::size_t Value::weight() const {
  switch (kind()) {
    case Kind::string: return 16 + bytes().size();
    case Kind::list: return std::get<List>(held_).sequence->weight;
    case Kind::tuple: return std::get<Tuple>(held_).sequence->weight;
    case Kind::dict: return dict().weight();
    case Kind::object: return object()->weight();
    default: return 16;
  }
}

bool Value::same(const Value& other) const {
  if (kind() != other.kind()) return false;
  switch (kind()) {
    case Kind::list: return std::get<List>(held_).sequence == std::get<List>(other.held_).sequence;
    case Kind::tuple:
      return std::get<Tuple>(held_).sequence == std::get<Tuple>(other.held_).sequence;
    case Kind::dict: return dict_pointer() == other.dict_pointer();
    case Kind::object: return object() == other.object();
    default: return equal(*this, other);
  }
}

Sequence::Sequence(std::vector<Value> values) : items(std::move(values)) {
  for (const Value& item : items) {
    depth = std::max(depth, item.depth() + 1);
    weight += item.weight();
  }
  check_depth(depth);
  check_weight(weight);
}

bool Dict::Before::operator()(const Value& a, const Value& b) const { return key_before(a, b); }

std::size_t Dict::place(const Value& key) const {
  check_key(key);
  if (places_.empty()) {
    const auto found = std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) {
      return !key_before(entry.first, key) && !key_before(key, entry.first);
    });
    return static_cast<std::size_t>(found - entries_.begin());
  }
  const auto found = places_.find(key);
  return found == places_.end() ? entries_.size() : found->second;
}

const Value* Dict::find(const Value& key) const {
  const std::size_t at = place(key);
  return at == entries_.size() ? nullptr : &entries_[at].second;
}

const Value* Dict::find(std::string_view key) const {
  if (!places_.empty()) return find(Value::of(key));
  for (const Entry& entry : entries_)
    if (entry.first.is(Kind::string) && entry.first.bytes() == key) return &entry.second;
  return nullptr;
}

void Dict::set(Value key, Value value) {
  const std::size_t at = place(key);
  depth_ = std::max({depth_, key.depth() + 1, value.depth() + 1});
  weight_ += value.weight();
  if (at < entries_.size()) entries_[at].second = std::move(value);
  else {
    weight_ += key.weight();
    entries_.emplace_back(std::move(key), std::move(value));
    if (!places_.empty()) places_.emplace(entries_.back().first, at);
    else if (entries_.size() > few_entries)
      for (std::size_t i = 0; i < entries_.size(); ++i) places_.emplace(entries_[i].first, i);
  }
  check_depth(depth_);
  check_weight(weight_);
}

Object::Object(int depth) : depth_(depth) { check_depth(depth); }

Value Object::call(Interpreter&, const Arguments&) {
  fail("found a call of a value of type " + std::string(type_name()) + ", expected a function");
}

void Object::print(std::string& out, int) const {
  out += '<';
  out += type_name();
  out += '>';
}

}  // namespace limelight::stages::jinja
