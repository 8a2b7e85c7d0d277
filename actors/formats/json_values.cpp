#include "actors/formats/json_values.hpp"

#include <cmath>
#include <cstdint>
#include <limits>
#include <nlohmann/json.hpp>

#include "actors/formats/refusal.hpp"

namespace limelight::formats {

using nlohmann::json;

std::string show(const json& value) {
  return value.is_object() ? "an object"
         : value.is_array()
             ? "a list"
             : value.dump(-1, ' ', false, json::error_handler_t::replace).substr(0, 60);
}

float number(const json& value, const std::string& key) {
  const double found = value.is_number() ? value.get<double>() : 0;
  if (!value.is_number() || std::abs(found) > std::numeric_limits<float>::max())
    refuse(key, show(value), "a number");
  return static_cast<float>(found);
}

int whole(const json& value, const std::string& key) {
  constexpr std::int64_t most = 2'000'000'000;
  if (!value.is_number_integer() ||
      (value.is_number_unsigned() && value.get<std::uint64_t>() > std::uint64_t{most}) ||
      value.get<std::int64_t>() < -most)
    refuse(key, show(value), "a whole number");
  return value.get<int>();
}

std::vector<int> wholes(const json& value, const std::string& key) {
  if (!value.is_array()) refuse(key, show(value), "a list of whole numbers");
  std::vector<int> all;
  for (const json& item : value) all.push_back(whole(item, key));
  return all;
}

bool truth(const json& value, const std::string& key) {
  if (!value.is_boolean()) refuse(key, show(value), "true or false");
  return value.get<bool>();
}

std::string text(const json& value, const std::string& key, const char* expected) {
  if (!value.is_string()) refuse(key, show(value), expected);
  return value.get<std::string>();
}

void read_object(const json& object,
                 const std::string& where,
                 const std::initializer_list<const Handlers*>& known,
                 UnknownKeys unknown) {
  for (const auto& [key, value] : object.items()) {
    const Handler* found = nullptr;
    for (const Handlers* handlers : known)
      if (const auto at = handlers->find(key); at != handlers->end()) found = &at->second;
    if (found == nullptr && unknown == UnknownKeys::ignored) continue;
    if (found == nullptr) {
      std::string all;
      for (const Handlers* handlers : known)
        for (const auto& [name, handler] : *handlers) all += (all.empty() ? "" : ", ") + name;
      refuse(where + key, "an unknown key", "one of " + all);
    }
    if (!value.is_null()) (*found)(value, where + key);
  }
}

}  // namespace limelight::formats
