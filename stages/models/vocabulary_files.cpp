// Makes of vocab.json, merges.txt and tokenizer_config.json, which some models of Qwen bring alone,
// what tokenizer.json would say (transformers 4.57, convert_slow_tokenizer.py, Qwen2Converter).
#include <sstream>

#include "stages/models/hf_files.hpp"
#include "stages/models/refusal.hpp"

namespace limelight::stages {

using nlohmann::json;
namespace fs = std::filesystem;

namespace {

constexpr const char* word_pattern =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "
    "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*"
    "|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

json merges_of(const fs::path& file) {
  json merges = json::array();
  std::istringstream lines(read_text(file));
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.empty() || (merges.empty() && line.starts_with("#version"))) continue;
    if (line.find(' ') == std::string::npos || line.find(' ') != line.rfind(' '))
      refuse(file, "found the line '" + line.substr(0, 60) + "', expected two tokens");
    merges.push_back(line);
  }
  return merges;
}

json added_tokens_of(const fs::path& file, const json& config) {
  json added = json::array();
  const json listed = config.value("added_tokens_decoder", json::object());
  if (!listed.is_object()) refuse(file, "key 'added_tokens_decoder': expected tokens by their ids");
  for (const auto& [id, token] : listed.items()) {
    const bool number =
        !id.empty() && id.size() < 9 && id.find_first_not_of("0123456789") == std::string::npos;
    if (!number || !token.is_object())
      refuse(file, "key 'added_tokens_decoder': found '" + id.substr(0, 60) +
                       "', expected tokens by their ids");
    json one = token;
    one.erase("__type");
    one["id"] = static_cast<unsigned>(std::stoul(id));
    added.push_back(std::move(one));
  }
  return added;
}

}  // namespace

json tokenizer_of_vocabulary(const fs::path& folder) {
  const fs::path file = folder / "tokenizer_config.json";
  const json config = read_json(file);
  const auto expect = [&](const char* key, const json& wanted) {
    if (const auto at = config.find(key); at != config.end() && !at->is_null() && *at != wanted)
      refuse(file,
             std::string("key '") + key + "': found " + at->dump().substr(0, 60) + ", expected " +
                 wanted.dump() + " without a tokenizer.json",
             ErrorCode::unavailable);
  };
  if (config.value("tokenizer_class", json()) != "Qwen2TokenizerFast")
    expect("tokenizer_class", "Qwen2Tokenizer");
  expect("add_prefix_space", false);
  expect("add_bos_token", false);
  expect("add_eos_token", false);
  expect("split_special_tokens", false);
  json bytes{{"type", "ByteLevel"},
             {"add_prefix_space", false},
             {"trim_offsets", false},
             {"use_regex", false}};
  json split{{"type", "Split"},
             {"pattern", {{"Regex", word_pattern}}},
             {"behavior", "Isolated"},
             {"invert", false}};
  json splitters = json::array();
  splitters.push_back(std::move(split));
  splitters.push_back(bytes);
  return {{"added_tokens", added_tokens_of(file, config)},
          {"normalizer", {{"type", "NFC"}}},
          {"pre_tokenizer", {{"type", "Sequence"}, {"pretokenizers", std::move(splitters)}}},
          {"post_processor", bytes},
          {"decoder", bytes},
          {"model",
           {{"type", "BPE"},
            {"dropout", nullptr},
            {"unk_token", nullptr},
            {"continuing_subword_prefix", ""},
            {"end_of_word_suffix", ""},
            {"fuse_unk", false},
            {"byte_fallback", false},
            {"ignore_merges", false},
            {"vocab", read_json(folder / "vocab.json")},
            {"merges", merges_of(folder / "merges.txt")}}}};
}

}  // namespace limelight::stages
