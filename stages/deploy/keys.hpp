// The keys of vLLM-Omni 0.30's deploy configs, and what becomes of each: it is obeyed, it changes
// nothing here and is listed as ignored, or it is refused, because it would change results or
// cannot be had. The tables in stage_keys.cpp and key_tables.cpp say it for all of them; a key that
// is in none is an error.
//
// The names are those of the classes that read deploy configs in the wheel (config/stage_config.py,
// config/omni_config.py, diffusion/data.py), of the configs that it ships, and of the fields of
// vLLM's engine that a stage may set.
#pragma once

#include <limelight/result.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "stages/deploy/value.hpp"

namespace limelight::stages::deploy {

enum class Type { any, boolean, whole, number, text, list, map };
enum class Effect { obeyed, ignored, refused };

struct Key {
  const char* name;
  Type type;
  Effect effect;
  const char* why = "";      // of what is not obeyed: goes into messages
  const char* neutral = "";  // values with which a refused key changes nothing, apart by |
  std::int64_t least = 0, most = std::int64_t{1} << 40;  // of a whole number
};

struct KeyTable {
  const char* what;  // such as "a stage", for messages
  std::span<const Key> keys;
  const Key* find(std::string_view name) const;
};

extern const KeyTable top_keys, stage_keys, runtime_keys, connector_keys, chunk_keys, edge_keys,
    duplex_keys, platform_keys, sampling_keys, profiler_keys;

// Whether the key is known and has the type and the range that it must have; null has every type.
// Throws Refused.
const Key& check_key(const KeyTable& table,
                     const std::string& name,
                     const Value& value,
                     const std::string& place);

// What was ignored, each key once, in the order in which it was met.
struct IgnoredKeys {
  struct One {
    std::string key, why, place;
  };
  std::vector<One> all;
  void add(const std::string& key, const std::string& why, const std::string& place);
};

// Lists a key that is ignored, and throws Refused for one that is refused.
void settle(const Key& key, const Value& value, const std::string& place, IgnoredKeys& list);

}  // namespace limelight::stages::deploy
