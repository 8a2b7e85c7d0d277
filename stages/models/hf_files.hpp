// What the readers of a folder in the format of Hugging Face share: config.json, tokenizer.json and
// the files beside them. Their parsers throw a ModelRefusal to abort; open_safetensors() catches
// it.
#pragma once

#include <filesystem>
#include <limelight/config.hpp>
#include <limelight/shape.hpp>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "stages/models/architectures.hpp"
#include "stages/models/refusal.hpp"
#include "stages/models/regex.hpp"
#include "stages/models/tokenizer_spec.hpp"

namespace limelight::stages {

constexpr std::uint64_t most_json_bytes = std::uint64_t{100} << 20;
std::string read_text(const std::filesystem::path& path);
nlohmann::json read_json(const std::filesystem::path& path);  // an object

// What config.json says of the network.
struct NetworkConfig {
  const Architecture* architecture = nullptr;
  DecoderShape shape;
  DecoderParts parts;
  std::vector<int> ends;  // eos_token_id: one, several or none
};
// Every key is obeyed, known to change nothing, or refused by name.
NetworkConfig read_network_config(const std::filesystem::path& config_json);

// What generation_config.json says: the parameters that the model's authors recommend, and the
// tokens that end an answer.
struct GenerationConfig {
  SamplingParams sampling = {};
  std::vector<int> ends = {};
};
// Without the file: the usual defaults. Without the key do_sample the others count as they stand,
// as in vLLM. Every key is obeyed, known to change nothing, or refused by name.
GenerationConfig read_generation_config(const std::filesystem::path& path, int vocab);

// folder: with tokenizer.json. vocab: the network's number of tokens, which no id reaches.
TokenizerSpec read_tokenizer(const std::filesystem::path& folder, int vocab);

}  // namespace limelight::stages
