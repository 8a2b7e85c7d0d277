// What the readers of tokenizer.json's parts share: each part is obeyed or refused by name. What
// they refuse they throw as a ModelRefusal.
#pragma once

#include <filesystem>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <vector>

#include "stages/models/tokenizer_spec.hpp"

namespace limelight::stages {

struct TokenizerParts {
  const std::filesystem::path& path;

  [[noreturn]] void unknown(const std::string& part,
                            const nlohmann::json& found,
                            const std::string& expected) const;
  // The kind of a part, and that it has no keys but these.
  std::string kind_of(const std::string& part,
                      const nlohmann::json& object,
                      std::set<std::string> keys) const;
  std::string text_of(const std::string& part, const nlohmann::json& object, const char* key) const;
  bool truth(const nlohmann::json& object, const char* key, bool otherwise) const;
  // The parts of a Sequence, those of its Sequences too; otherwise the part itself, or none. list:
  // the key that a Sequence has them under.
  std::vector<nlohmann::json> parts_of(const nlohmann::json& part, const char* list) const;
  // A pattern is {"Regex": ...}, a regular expression, or {"String": ...}, a literal text.
  std::string pattern_of(const std::string& part,
                         const nlohmann::json& object,
                         bool& literal) const;
  // Of Metaspace: first, always or never.
  std::string prepend_scheme(const nlohmann::json& metaspace) const;
};

// How tokens become text: byte_level and byte_fallback are read before it. Sets space_letter,
// strips_first_blank and strips_first_token.
void read_decoder(const TokenizerParts& parts, const nlohmann::json& decoder, TokenizerSpec& spec);

}  // namespace limelight::stages
