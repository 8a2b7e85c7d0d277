#include "stages/deploy/keys.hpp"

#include <algorithm>

namespace limelight::stages::deploy {

namespace {

using enum Type;

bool is_neutral(const Key& key, const Value& value) {
  if (value.null()) return true;
  const std::string_view all = key.neutral;
  // An empty collection, or one of nothing but nulls: a key of the model's config that is removed.
  if (value.is_list()) return all == "{}" && value.items.empty();
  if (value.is_map())
    return all == "{}" && std::all_of(value.members.begin(), value.members.end(),
                                      [](const auto& member) { return member.second.null(); });
  std::string shown = value.text;
  if (key.type == boolean) shown = as_bool(value, key.name) ? "true" : "false";
  for (std::size_t at = 0; at <= all.size();) {
    const std::size_t end = std::min(all.find('|', at), all.size());
    if (!all.empty() && all.substr(at, end - at) == shown) return true;
    at = end + 1;
  }
  return false;
}

}  // namespace

const Key* KeyTable::find(std::string_view name) const {
  const auto at =
      std::find_if(keys.begin(), keys.end(), [&](const Key& key) { return key.name == name; });
  return at == keys.end() ? nullptr : &*at;
}

const Key& check_key(const KeyTable& table,
                     const std::string& name,
                     const Value& value,
                     const std::string& place) {
  const Key* key = table.find(name);
  if (key == nullptr)
    refuse(place, name.substr(0, 60), std::string("an unknown key in ") + table.what,
           "a key of vLLM-Omni 0.30 (docs/config.md)");
  if (value.null()) return *key;
  switch (key->type) {
    case any: break;
    case boolean: as_bool(value, name); break;
    case whole: as_integer(value, name, key->least, key->most); break;
    case number: as_number(value, name); break;
    case text: as_text(value, name); break;
    case list:
      if (!value.is_list()) refuse(value.place, name, value.show(), "a list");
      break;
    case map:
      if (!value.is_map()) refuse(value.place, name, value.show(), "a map");
      break;
  }
  return *key;
}

void IgnoredKeys::add(const std::string& key, const std::string& why, const std::string& place) {
  for (const One& one : all)
    if (one.key == key) return;
  all.push_back({key, why, place});
}

void settle(const Key& key, const Value& value, const std::string& place, IgnoredKeys& list) {
  if (key.effect == Effect::obeyed || value.null()) return;
  if (key.effect == Effect::refused && !is_neutral(key, value)) {
    std::string expected = "no such key";
    if (const std::string neutral = key.neutral; !neutral.empty() && neutral != "{}") {
      expected = "'" + neutral + "'";
      for (std::size_t at = 0; (at = expected.find('|', at)) != std::string::npos; at += 6)
        expected.replace(at, 1, "' or '");
    }
    refuse(place, key.name, value.show(), expected + ": " + key.why);
  }
  // What is refused otherwise and changes nothing with this value is obeyed by that.
  if (key.effect == Effect::ignored) list.add(key.name, key.why, place);
}

}  // namespace limelight::stages::deploy
