#include "stages/deploy/value.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

namespace limelight::stages::deploy {

namespace {

constexpr std::uintmax_t most_bytes = 1 << 20;  // of a file; the wheel's largest has 10 000
constexpr std::size_t most_values = 20'000;
constexpr int most_depth = 32;
constexpr std::size_t most_shown = 60;

struct Budget {
  std::size_t values = 0;
  std::string place;  // the beginning of the places in this file
};

std::string place_of(const Budget& budget, const YAML::Mark& mark) {
  return budget.place + ":" + std::to_string(mark.is_null() ? 1 : mark.line + 1);
}

void charge(Budget& budget, const std::string& place, int depth) {
  if (depth > most_depth)
    throw Refused{place + ": found values that are nested more than " + std::to_string(most_depth) +
                  " deep, expected fewer levels"};
  if (++budget.values > most_values)
    throw Refused{place + ": found more than " + std::to_string(most_values) +
                  " values, aliases counted as what they stand for, expected fewer"};
}

Value convert(const YAML::Node& node, Budget& budget, int depth);

// The members of what "<<" names go below those of the map itself.
void merge_key(Value& map, const Value& other, const std::string& place) {
  if (other.is_list()) {
    for (const Value& each : other.items) merge_key(map, each, place);
    return;
  }
  if (!other.is_map()) refuse(place, "<<", other.show(), "a map, or a list of maps");
  for (std::size_t i = 0; i < other.members.size(); ++i)
    if (map.find(other.members[i].first) == nullptr)
      map.set(other.members[i].first, other.members[i].second, other.member_places[i]);
}

Value convert_map(const YAML::Node& node, Budget& budget, int depth) {
  Value map{.kind = Value::Kind::map, .place = place_of(budget, node.Mark())};
  std::vector<std::pair<Value, std::string>> below;
  for (const auto& item : node) {
    const std::string place = place_of(budget, item.first.Mark());
    if (!item.first.IsScalar())
      throw Refused{place + ": found a key that is no word, expected a word"};
    const std::string key = item.first.Scalar();
    if (key == "<<" && item.first.Tag() != "!") {
      below.emplace_back(convert(item.second, budget, depth + 1), place);
      continue;
    }
    if (map.find(key) != nullptr) refuse(place, key, "it a second time in this map", "it once");
    map.set(key, convert(item.second, budget, depth + 1), place);
  }
  for (const auto& [other, place] : below) merge_key(map, other, place);
  return map;
}

Value convert(const YAML::Node& node, Budget& budget, int depth) {
  Value value{.place = place_of(budget, node.Mark())};
  charge(budget, value.place, depth);
  if (node.IsMap()) return convert_map(node, budget, depth);
  if (node.IsSequence()) {
    value.kind = Value::Kind::list;
    for (const auto& item : node) value.items.push_back(convert(item, budget, depth + 1));
  } else if (node.IsScalar()) {
    value.kind = Value::Kind::scalar;
    value.text = node.Scalar();
    value.quoted = node.Tag() == "!";
    if (value.text.find("${") != std::string::npos)
      throw Refused{value.place + ": found '" + value.text.substr(0, most_shown) +
                    "', expected a value: interpolations of OmegaConf are not resolved here"};
  }
  return value;
}

Value convert(const nlohmann::json& json, Budget& budget, int depth) {
  Value value{.place = budget.place};
  charge(budget, value.place, depth);
  if (json.is_object()) {
    value.kind = Value::Kind::map;
    for (const auto& [key, member] : json.items())
      value.set(key, convert(member, budget, depth + 1), budget.place);
  } else if (json.is_array()) {
    value.kind = Value::Kind::list;
    for (const auto& item : json) value.items.push_back(convert(item, budget, depth + 1));
  } else if (!json.is_null()) {
    value.kind = Value::Kind::scalar;
    value.quoted = json.is_string();
    value.text = json.is_string() ? json.get<std::string>() : json.dump();
  }
  return value;
}

}  // namespace

const Value* Value::find(std::string_view key) const {
  for (const auto& [name, value] : members)
    if (name == key) return &value;
  return nullptr;
}
Value* Value::find(std::string_view key) {
  return const_cast<Value*>(std::as_const(*this).find(key));
}
std::string Value::place_of(std::string_view key) const {
  for (std::size_t i = 0; i < members.size(); ++i)
    if (members[i].first == key) return member_places[i];
  return place;
}
void Value::set(const std::string& key, Value value, const std::string& key_place) {
  for (std::size_t i = 0; i < members.size(); ++i)
    if (members[i].first == key) {
      members[i].second = std::move(value);
      member_places[i] = key_place;
      return;
    }
  members.emplace_back(key, std::move(value));
  member_places.push_back(key_place);
}
void Value::erase(std::string_view key) {
  for (std::size_t i = 0; i < members.size(); ++i)
    if (members[i].first == key) {
      members.erase(members.begin() + static_cast<std::ptrdiff_t>(i));
      member_places.erase(member_places.begin() + static_cast<std::ptrdiff_t>(i));
      return;
    }
}
std::string Value::show() const {
  if (kind == Kind::scalar) {
    std::string shown = "'";
    return shown.append(text, 0, most_shown).append("'");
  }
  return kind == Kind::list ? "a list" : kind == Kind::map ? "a map" : "nothing";
}

void refuse(const std::string& place,
            const std::string& key,
            const std::string& found,
            const std::string& expected) {
  std::string text = place;
  throw Refused{text.append(": key '")
                    .append(key)
                    .append("': found ")
                    .append(found)
                    .append(", expected ")
                    .append(expected)};
}

Value read_yaml(const std::filesystem::path& file) {
  std::error_code failed;
  if (std::filesystem::is_directory(file, failed))
    throw Refused{file.string() + ": found a folder, expected a deploy config (YAML)"};
  std::ifstream in(file, std::ios::binary);
  std::string text(most_bytes + 1, '\0');
  if (in) in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad() || (!in && !in.eof()))
    throw Refused{file.string() + ": cannot read the deploy config", true};
  text.resize(static_cast<std::size_t>(in.gcount()));
  if (text.size() > most_bytes)
    throw Refused{file.string() + ": found more than " + std::to_string(most_bytes) +
                  " bytes, expected a deploy config"};
  Budget budget{.place = file.string()};
  try {
    const std::vector<YAML::Node> documents = YAML::LoadAll(text);
    if (documents.size() > 1)
      throw Refused{place_of(budget, documents[1].Mark()) +
                    ": found a second document, expected one in a file"};
    Value root{.place = place_of(budget, YAML::Mark::null_mark())};
    if (!documents.empty()) root = convert(documents.front(), budget, 0);
    if (root.null()) root.kind = Value::Kind::map;  // an empty file states nothing
    if (!root.is_map())
      throw Refused{root.place + ": found " + root.show() + ", expected a map of keys"};
    return root;
  } catch (const YAML::Exception& broken) {
    throw Refused{place_of(budget, broken.mark) + ": not YAML: " + broken.msg};
  }
}

Value read_json(const std::string& text, const std::string& place) {
  if (text.size() > most_bytes)
    throw Refused{place + ": found more than " + std::to_string(most_bytes) +
                  " bytes, expected less"};
  // The parser of JSON keeps the last of two members of one name; here that is an error.
  std::vector<std::set<std::string>> seen;
  std::string twice;
  const auto watch = [&](int depth, nlohmann::json::parse_event_t event, nlohmann::json& parsed) {
    if (depth > most_depth) twice = twice.empty() ? "too many levels" : twice;
    if (event == nlohmann::json::parse_event_t::object_start) seen.emplace_back();
    if (event == nlohmann::json::parse_event_t::object_end) seen.pop_back();
    if (event == nlohmann::json::parse_event_t::key &&
        !seen.back().insert(parsed.get<std::string>()).second)
      twice = "key '" + parsed.get<std::string>() + "' a second time in one object";
    return true;
  };
  const auto parsed = nlohmann::json::parse(text, watch, false);
  if (!twice.empty()) throw Refused{place + ": found " + twice + ", expected JSON"};
  if (!parsed.is_object())
    throw Refused{place + ": found '" + text.substr(0, most_shown) +
                  "', expected a JSON object such as {\"0\": {\"max_num_seqs\": 8}}"};
  Budget budget{.place = place};
  return convert(parsed, budget, 0);
}

bool as_bool(const Value& value, const std::string& key) {
  static const std::set<std::string> yes{"true", "True", "TRUE", "yes", "Yes",
                                         "YES",  "on",   "On",   "ON"},
      no{"false", "False", "FALSE", "no", "No", "NO", "off", "Off", "OFF"};
  if (value.is_scalar() && yes.contains(value.text)) return true;
  if (value.is_scalar() && no.contains(value.text)) return false;
  refuse(value.place, key, value.show(), "true or false");
}

std::int64_t as_integer(const Value& value,
                        const std::string& key,
                        std::int64_t least,
                        std::int64_t most) {
  // YAML 1.1, which vLLM-Omni reads, lets underscores separate digits.
  std::string digits;
  for (const char c : value.text)
    if (c != '_' || value.quoted) digits += c;
  const char* begin = digits.data() + (digits.size() > 1 && digits[0] == '+' ? 1 : 0);
  const char* end = digits.data() + digits.size();
  std::int64_t number = 0;
  const auto [rest, failed] = std::from_chars(begin, end, number);
  // A 0 before other digits means base 8 to some readers.
  const char* first = begin + (begin != end && *begin == '-' ? 1 : 0);
  const bool octal = end - first > 1 && *first == '0';
  if (!value.is_scalar() || failed != std::errc{} || rest != end || octal || number < least ||
      number > most)
    refuse(value.place, key, value.show(),
           "a whole number from " + std::to_string(least) + " to " + std::to_string(most));
  return number;
}

double as_number(const Value& value, const std::string& key) {
  const char *begin = value.text.data(), *end = begin + value.text.size();
  double number = 0;
  const auto [rest, failed] = std::from_chars(begin + (begin != end && *begin == '+'), end, number);
  if (!value.is_scalar() || failed != std::errc{} || rest != end || !std::isfinite(number))
    refuse(value.place, key, value.show(), "a number");
  return number;
}

const std::string& as_text(const Value& value, const std::string& key) {
  if (!value.is_scalar()) refuse(value.place, key, value.show(), "a text");
  return value.text;
}

Value merged_flat(const Value& original, const Value& update) {
  Value both = original;
  for (std::size_t i = 0; i < update.members.size(); ++i)
    both.set(update.members[i].first, update.members[i].second, update.member_places[i]);
  return both;
}

Value merged(const Value& original, const Value& update) {
  Value both = original;
  for (std::size_t i = 0; i < update.members.size(); ++i) {
    const auto& [key, value] = update.members[i];
    const Value* before = both.find(key);
    both.set(
        key,
        before != nullptr && before->is_map() && value.is_map() ? merged(*before, value) : value,
        update.member_places[i]);
  }
  return both;
}

std::string to_flow(const Value& value) {
  const auto text = [](const std::string& raw) {
    return nlohmann::json(raw).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  };
  if (value.null()) return "~";
  // A text of JSON is one of YAML. What a number or a word does not have may mean something in a
  // line of YAML.
  const bool plain = !value.quoted && !value.text.empty() &&
                     std::all_of(value.text.begin(), value.text.end(), [](unsigned char c) {
                       return std::isalnum(c) != 0 || c == '_' || c == '.' || c == '+' || c == '-';
                     });
  if (value.is_scalar()) return plain ? value.text : text(value.text);
  std::string all(1, value.is_list() ? '[' : '{');
  for (const Value& item : value.items) all += (all.size() > 1 ? ", " : "") + to_flow(item);
  for (const auto& [key, member] : value.members) {
    if (all.size() > 1) all += ", ";
    all += text(key);
    all += ": ";
    all += to_flow(member);
  }
  return all + (value.is_list() ? ']' : '}');
}

}  // namespace limelight::stages::deploy
