// A deploy config as a tree of plain values, each with the place that it was read from: overlays
// and overrides are merged value by value, and an error still names the file and line of the one
// at fault.
//
// Files are not trusted. A tree has a bounded number of values and a bounded depth, aliases
// counted as what they stand for, so that no small file becomes a large tree. A key that a map has
// twice is an error, and so is an interpolation of OmegaConf ("${...}"), which would otherwise be
// taken for a text. Merge keys ("<<") are understood.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace limelight::stages::deploy {

// An internal exception: whatever reads a deploy config throws it to abort, and load() catches it.
// missing: the file cannot be read.
struct Refused {
  std::string text;
  bool missing = false;
};

struct Value {
  enum class Kind { null, scalar, list, map };
  Kind kind = Kind::null;
  std::string text = {};   // of a scalar
  bool quoted = false;     // in YAML "12" is a text, and 12 is a number
  std::string place = {};  // such as "a.yaml:12", or "--stage-overrides"
  std::vector<Value> items = {};
  std::vector<std::pair<std::string, Value>> members = {};  // in the order of the file
  std::vector<std::string> member_places = {};              // of the keys

  bool null() const noexcept { return kind == Kind::null; }
  bool is_map() const noexcept { return kind == Kind::map; }
  bool is_list() const noexcept { return kind == Kind::list; }
  bool is_scalar() const noexcept { return kind == Kind::scalar; }
  // nullptr if there is none.
  const Value* find(std::string_view key) const;
  Value* find(std::string_view key);
  std::string place_of(std::string_view key) const;
  void set(const std::string& key, Value value, const std::string& key_place);
  void erase(std::string_view key);
  // For messages: 'text', "a list", "a map" or "nothing".
  std::string show() const;
};

[[noreturn]] void refuse(const std::string& place,
                         const std::string& key,
                         const std::string& found,
                         const std::string& expected);

// Throws Refused: the file cannot be read, is too large, is not YAML, or is no map.
Value read_yaml(const std::filesystem::path& file);
// An object of JSON, all of it from `place`. Throws Refused.
Value read_json(const std::string& text, const std::string& place);

// Of the types that keys have. Each throws Refused, naming the place and the key.
bool as_bool(const Value& value, const std::string& key);
std::int64_t as_integer(const Value& value,
                        const std::string& key,
                        std::int64_t least,
                        std::int64_t most);
double as_number(const Value& value, const std::string& key);
const std::string& as_text(const Value& value, const std::string& key);

// update over original: maps are merged member by member, at every depth; of everything else, null
// included, update replaces original. As in the wheel of vLLM-Omni.
Value merged(const Value& original, const Value& update);
// The same for one level alone.
Value merged_flat(const Value& original, const Value& update);

// As YAML in one line, which reads as the same value.
std::string to_flow(const Value& value);

}  // namespace limelight::stages::deploy
