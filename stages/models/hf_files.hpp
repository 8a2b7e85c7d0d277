// What the readers of a folder in the format of Hugging Face share: config.json, tokenizer.json and
// the files beside them. Their parsers throw a ModelRefusal to abort; open_safetensors() catches
// it.
#pragma once

#include <filesystem>
#include <limelight/config.hpp>
#include <limelight/shape.hpp>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "stages/models/architectures.hpp"
#include "stages/models/config_keys.hpp"
#include "stages/models/qwen2_5_omni.hpp"
#include "stages/models/qwen3_omni.hpp"
#include "stages/models/qwen3_tts.hpp"
#include "stages/models/refusal.hpp"
#include "stages/models/regex.hpp"
#include "stages/models/tokenizer_spec.hpp"

namespace limelight::stages {

constexpr std::uint64_t most_json_bytes = std::uint64_t{100} << 20;
std::string read_text(const std::filesystem::path& path);
nlohmann::json read_json(const std::filesystem::path& path);  // an object
// Whoever walks through values of JSON, or shows them, does so on the stack: more than 100 levels
// are refused. text: JSON that may be none.
void refuse_deep_json(const std::filesystem::path& path, std::string_view text);
// The kind that config.json says a model is of; empty: it says none, or cannot be read. path: a
// folder, or a file beside config.json.
std::string model_type_of(const std::filesystem::path& path);

// The tensors of a file whose names begin with `from`: here the beginning is `to`. whole: it is one
// weight, perhaps with its bias; if not, it is a decoder, and what follows names its parts. plain:
// what follows stays as it is, without ".weight".
struct TensorNames {
  std::string from = {}, to = {};
  bool whole = false, plain = false;
};

// What config.json says of the network.
struct NetworkConfig {
  const Architecture* architecture = nullptr;
  DecoderShape shape;
  DecoderParts parts;
  std::vector<int> ends;  // eos_token_id: one, several or none
  // Of a model with several networks, of which this is one part:
  std::vector<TensorNames> names = {};
  std::vector<std::string> unread = {};      // how the names of other parts' tensors begin
  std::vector<NamedDecoder> decoders = {};   // beside the one above
  std::vector<ExpectedTensor> tensors = {};  // of no decoder
  std::optional<Qwen25Omni> qwen2_5 = {};
  std::optional<Qwen3Omni> omni = {};
  std::optional<Qwen3Tts> tts = {};
};
// Every key is obeyed, known to change nothing, or refused by name. part: of a model with several
// networks; a text model is a thinker.
NetworkConfig read_network_config(const std::filesystem::path& config_json, std::string_view part);
// The same of one decoder's object. What the caller has asked for counts as obeyed.
NetworkConfig read_network(ConfigKeys keys, const Architecture& architecture);
// The same of a network's rotary embedding of the default kind, over `dims` numbers, for as many
// positions as `context`. at: before a key, in messages.
RopeShape read_default_rope(ConfigKeys& keys, const std::string& at, int dims, int context);
// config: that of a qwen2_5_omni.
NetworkConfig read_qwen2_5_omni(const std::filesystem::path& config_json,
                                const nlohmann::json& config,
                                std::string_view part);
// config: that of a qwen3_omni_moe.
NetworkConfig read_qwen3_omni(const std::filesystem::path& config_json,
                              const nlohmann::json& config,
                              std::string_view part);

// config: that of a qwen3_tts.
NetworkConfig read_qwen3_tts(const std::filesystem::path& config_json,
                             const nlohmann::json& config,
                             std::string_view part);

// What generation_config.json says: the parameters that the model's authors recommend, and the
// tokens that end an answer.
struct GenerationConfig {
  SamplingParams sampling = {};
  std::vector<int> ends = {};
};
// Without the file: the usual defaults. Without the key do_sample the others count as they stand,
// as in vLLM. Every key is obeyed, known to change nothing, or refused by name.
// speaks: the model has a talker, whose keys may be there.
GenerationConfig read_generation_config(const std::filesystem::path& path, int vocab, bool speaks);
// The same file's parameters of the talker, and the usual ones where it has none.
SamplingParams read_talker_sampling(const std::filesystem::path& path, SamplingParams usual);
// The file of a qwen3_tts: first codes, and those of the code predictor where first ones are
// sampled.
struct TtsSampling {
  SamplingParams talker = {}, subtalker = {};
};
TtsSampling read_tts_sampling(const std::filesystem::path& path);

// What tokenizer.json would say, of the files of an older tokenizer of Qwen: vocab.json, merges.txt
// and tokenizer_config.json.
nlohmann::json tokenizer_of_vocabulary(const std::filesystem::path& folder);
// folder: with tokenizer.json, or with those files. vocab: the network's number of tokens, which no
// id reaches.
TokenizerSpec read_tokenizer(const std::filesystem::path& folder, int vocab);

}  // namespace limelight::stages
