#include "actors/formats/ordered_json.hpp"

#include <nlohmann/json.hpp>
#include <unordered_set>
#include <utility>

#include "actors/formats/refusal.hpp"

namespace limelight::formats {

using nlohmann::ordered_json;

namespace {

constexpr std::size_t most_values = 4096, deepest = 32;

// Makes one value of the events of a parser.
class OrderedValue {
 public:
  explicit OrderedValue(std::string key) : where_(std::move(key)) {}

  bool is_whole() const noexcept { return whole_ && open_.empty(); }
  ordered_json take() { return std::move(root_); }

  void add(ordered_json value) { place(std::move(value)); }
  void open(ordered_json empty) {
    if (open_.size() >= deepest)
      refuse(where_, "values that are nested deeper than " + std::to_string(deepest) + " levels",
             "less");
    open_.push_back({place(std::move(empty)), {}});
  }
  void close() { open_.pop_back(); }
  void name(std::string key) {
    if (!open_.back().keys.insert(key).second)
      refuse(where_, "the key '" + key.substr(0, 60) + "' twice in an object", "it once");
    key_ = std::move(key);
  }
  // A whole number that became one with a fraction because it is too large.
  void check_number(const std::string& written) const {
    if (written.find_first_of(".eE") == std::string::npos)
      refuse(where_, "the number " + written.substr(0, 60), "one that 64 bits can hold");
  }

 private:
  struct Open {
    ordered_json* value;
    std::unordered_set<std::string> keys;
  };

  // An open value stays where it is while its own values come: only the innermost one grows.
  ordered_json* place(ordered_json value) {
    if (++values_ > most_values)
      refuse(where_, "more than " + std::to_string(most_values) + " values", "less");
    whole_ = true;
    if (open_.empty()) return &(root_ = std::move(value));
    ordered_json& in = *open_.back().value;
    if (in.is_array()) return &in.emplace_back(std::move(value));
    return &(in[key_] = std::move(value));
  }

  std::string where_, key_;
  ordered_json root_;
  std::vector<Open> open_;
  std::size_t values_ = 0;
  bool whole_ = false;
};

// Passes the events of whole values on, and knows where in the text they are.
class OrderedReader : public nlohmann::json_sax<nlohmann::json> {
 public:
  bool null() override { return value(nullptr); }
  bool boolean(bool v) override { return value(v); }
  bool number_integer(number_integer_t v) override { return value(v); }
  bool number_unsigned(number_unsigned_t v) override { return value(v); }
  bool number_float(number_float_t v, const string_t& written) override {
    if (current_) current_->check_number(written);
    return value(v);
  }
  bool string(string_t& v) override { return value(v); }
  bool binary(binary_t&) override { return false; }
  bool start_object(std::size_t) override { return begin(ordered_json::object()); }
  bool start_array(std::size_t) override { return begin(ordered_json::array()); }
  bool end_object() override { return end(); }
  bool end_array() override { return end(); }
  bool key(string_t& v) override {
    if (current_) current_->name(v);
    else at_key(v);
    return true;
  }
  bool parse_error(std::size_t, const std::string&, const nlohmann::json::exception&) override {
    return false;
  }

 protected:
  // Where no value is being kept: at a value (the place is that of what surrounds it), and at a
  // key. Whether the value is to be kept.
  virtual bool wanted() = 0;
  virtual void at_key(const std::string&) {}
  virtual void opened() {}
  virtual void closed() {}
  virtual std::string place() const = 0;
  virtual void done(ordered_json value) = 0;

 private:
  bool value(ordered_json v) {
    if (!current_ && wanted()) current_.emplace(place());
    if (!current_) return true;
    current_->add(std::move(v));
    return finish();
  }
  bool begin(ordered_json empty) {
    if (!current_ && wanted()) current_.emplace(place());
    if (current_) current_->open(std::move(empty));
    else opened();
    return true;
  }
  bool end() {
    if (!current_) return closed(), true;
    current_->close();
    return finish();
  }
  bool finish() {
    if (current_->is_whole()) {
      done(current_->take());
      current_.reset();
    }
    return true;
  }

  std::optional<OrderedValue> current_;
};

class WholeReader final : public OrderedReader {
 public:
  explicit WholeReader(std::string key) : key_(std::move(key)) {}
  ordered_json take() { return std::move(value_); }

 private:
  bool wanted() override { return true; }
  std::string place() const override { return key_; }
  void done(ordered_json value) override { value_ = std::move(value); }

  std::string key_;
  ordered_json value_;
};

class MemberReader final : public OrderedReader {
 public:
  MemberReader(std::string list, std::string member)
      : list_(std::move(list)), member_(std::move(member)) {}
  std::vector<std::optional<ordered_json>> take() { return std::move(found_); }

 private:
  // The list is at depth 1, an object of it begins at depth 2, and its members are at depth 3.
  bool wanted() override {
    if (depth_ == 2 && in_) found_.emplace_back();
    return depth_ == 3 && in_ && is_member_;
  }
  void at_key(const std::string& key) override {
    if (depth_ == 1) {
      in_ = key == list_;
      if (in_) found_.clear();  // of a list that is there twice the last one counts
    }
    if (depth_ == 3) is_member_ = key == member_;
  }
  void opened() override {
    ++depth_;
    if (depth_ == 3) is_member_ = false;
  }
  void closed() override { --depth_; }
  std::string place() const override {
    return list_ + "[" + std::to_string(found_.size() - 1) + "]." + member_;
  }
  void done(ordered_json value) override { found_.back() = std::move(value); }

  std::string list_, member_;
  std::size_t depth_ = 0;
  bool in_ = false, is_member_ = false;
  std::vector<std::optional<ordered_json>> found_;
};

}  // namespace

ordered_json read_ordered(std::string_view text, const std::string& key) {
  WholeReader reader(key);
  if (!nlohmann::json::sax_parse(text, &reader))
    refuse(key, "a text that is no JSON", "JSON in a text");
  return reader.take();
}

std::vector<std::optional<ordered_json>> read_ordered_members(std::string_view text,
                                                              const std::string& list,
                                                              const std::string& member) {
  MemberReader reader(list, member);
  if (!nlohmann::json::sax_parse(text, &reader)) return {};
  return reader.take();
}

}  // namespace limelight::formats
