// The keys of config.json, and what becomes of each: a reader asks for it, or it is known to change
// nothing here, or it is refused by name.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "stages/models/refusal.hpp"

namespace limelight::stages {

// An object of config.json, and which of its keys were asked for. What it refuses it throws. File
// and object outlive it.
class ConfigKeys {
 public:
  // at: before a key, in messages.
  ConfigKeys(const std::filesystem::path& file, const nlohmann::json& object, std::string at = {})
      : file_(file), object_(object), at_(std::move(at)) {}

  const nlohmann::json& operator[](const char* key);  // null if there is none
  bool has(const char* key) { return !(*this)[key].is_null(); }
  // What the key says; `otherwise` without it.
  int whole(const char* key, int otherwise = -1);  // -1: it must be there
  double real(const char* key, double otherwise);
  std::optional<double> real(const char* key);
  bool flag(const char* key, bool otherwise);
  std::vector<float> reals(const char* key);            // above 0
  int count(const char* key, int otherwise, int most);  // 1 to `most`
  // A list of those, of most_items at most; `otherwise` without it.
  std::vector<int> counts(const char* key,
                          std::vector<int> otherwise,
                          std::size_t most_items,
                          int most);
  [[noreturn]] void wrong(const char* key, const std::string& expected) const;
  // Refuses every key that is there and was not asked for. top: it is config.json's own object, of
  // whose keys some change nothing. of: the architecture.
  void refuse_others(bool top, const std::string& of) const;
  const nlohmann::json& object() const { return object_; }
  const std::filesystem::path& file() const { return file_; }

 private:
  const std::filesystem::path& file_;
  const nlohmann::json& object_;
  std::string at_;
  std::set<std::string> asked_;
};

}  // namespace limelight::stages
