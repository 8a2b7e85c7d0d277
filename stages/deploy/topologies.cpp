#include "stages/deploy/topologies.hpp"

#include <fstream>
#include <nlohmann/json.hpp>
#include <string_view>

#include "stages/models/architectures.hpp"
#include "stages/models/model_file.hpp"

namespace limelight::stages::deploy {

namespace {

namespace fs = std::filesystem;
using nlohmann::json;

// What the deploy configs of omni models state for their thinkers.
constexpr int text_max_tokens = 2048;
constexpr std::uintmax_t most_config_bytes = 1 << 24;

// The kinds with more than one stage, or another one than a thinker. The families of
// stages/models/architectures.hpp need no row.
const std::vector<Topology>& rows() {
  static const std::vector<Topology> all{
      {"qwen2_5_omni",
       {{.stage = "thinker", .output_type = "text", .max_tokens = text_max_tokens},
        {.stage = "talker", .sources = {0}, .ports = {"tokens", "hidden"}, .reads_chunks = true},
        {.stage = "code2wav", .sources = {1}, .output_type = "audio", .reads_chunks = true}}},
      {"qwen2_5_omni_thinker_only",
       {{.stage = "thinker", .output_type = "text", .max_tokens = text_max_tokens}}},
      {"qwen3_omni_moe",
       {{.stage = "thinker", .output_type = "text", .max_tokens = text_max_tokens},
        {.stage = "talker", .sources = {0}, .reads_chunks = true},
        {.stage = "code2wav", .sources = {1}, .output_type = "audio", .reads_chunks = true}}},
      {"qwen3_omni_moe_thinker_only",
       {{.stage = "thinker", .output_type = "text", .max_tokens = text_max_tokens}}},
      {"qwen3_tts",
       {{.stage = "talker", .reads_chunks = true},
        {.stage = "code2wav", .sources = {0}, .output_type = "audio", .reads_chunks = true}}},
  };
  return all;
}

// The kinds in the registry of vLLM-Omni 0.30, for the names of its deploy configs.
constexpr const char* kinds_of_vllm_omni[] = {
    "aura_omni",
    "auk",
    "bagel",
    "breeze",
    "cosmos3_omni_deploy",
    "cosmos3_policy",
    "cosyvoice3",
    "covo_audio",
    "dreamzero",
    "fish_qwen3_omni",
    "gepard",
    "glm_image",
    "glm_tts",
    "Gr00tN1d7",
    "higgs_audio_v2",
    "higgs_multimodal_qwen3",
    "hunyuan_image3_ar",
    "hunyuan_image3_dit",
    "hunyuan_image_3_moe",
    "hunyuan_video_15",
    "indextts2",
    "indextts2_5",
    "joyai_vl_interaction",
    "lance",
    "lingbot_world",
    "mammoth_moda2",
    "mimo_audio",
    "ming_flash_omni",
    "ming_image",
    "ming_tts",
    "minicpmo_4_5",
    "minimax_h3_disaggregated",
    "minimax_music3",
    "moss_tts_local",
    "moss_tts_nano",
    "moss_tts_realtime",
    "nemotron_voicechat",
    "omnivoice",
    "personaplex",
    "pi0",
    "pi05",
    "qwen2_5_omni",
    "qwen3_omni_moe",
    "qwen3_tts",
    "step_audio_2",
    "voxcpm2",
    "voxtral_tts",
    "wan2_2_ti2v",
};
// Files that are named otherwise than the kind that they are for.
constexpr std::pair<const char*, const char*> other_names[] = {
    {"audio8_tts", "arktts"},
    {"moss_sound_effect", "moss_tts_delay"},
    {"moss_tts", "moss_tts_delay"},
    {"moss_ttsd", "moss_tts_delay"},
    {"moss_voice_generator", "moss_tts_delay"},
    {"qwen3_omni", "qwen3_omni_moe"},
    {"qwen3_tts_forced_aligner", "qwen3_forced_aligner"},
};
// Checkpoints of one kind that state the model_type of another.
constexpr std::pair<const char*, const char*> other_architectures[] = {
    {"MiMoAudioModel", "mimo_audio"},
    {"MiMoV2ASRForCausalLM", "mimo_audio"},
};

Topology text_topology(std::string name) {
  TopologyStage thinker{.stage = "thinker", .output_type = "text", .max_tokens = text_max_tokens};
  return {std::move(name), {std::move(thinker)}};
}

Result<json> read_object(const fs::path& file) {
  std::error_code failed;
  const auto size = fs::file_size(file, failed);
  if (failed) return Error{ErrorCode::not_found, file.string() + ": " + failed.message()};
  if (size > most_config_bytes)
    return Error{ErrorCode::corrupt, file.string() + ": found " + std::to_string(size) +
                                         " bytes, expected at most " +
                                         std::to_string(most_config_bytes)};
  std::ifstream in(file, std::ios::binary);
  json all = json::parse(in, nullptr, false);
  if (!all.is_object())
    return Error{ErrorCode::corrupt, file.string() + ": expected a JSON object"};
  return all;
}

}  // namespace

std::optional<Topology> find_topology(std::string_view name) {
  for (const Topology& row : rows())
    if (row.name == name) return row;
  if (find_architecture(name) == nullptr) return std::nullopt;
  return text_topology(std::string(name));
}

std::string topology_names() {
  std::string names;
  for (const Topology& row : rows()) names += row.name + ", ";
  return names + architecture_names(false);
}

std::string not_supported(const std::string& name) {
  std::string text = "model ";
  return text.append(name.substr(0, 60)).append(" is not supported; expected ") + topology_names();
}

Result<Topology> topology_of(const fs::path& path) {
  std::error_code failed;
  if (!fs::exists(path, failed))
    return Error{ErrorCode::not_found,
                 path.string() +
                     ": found nothing, expected a model: a folder, a .gguf file, or the "
                     "name of one that `limelight fetch` brought"};
  const bool is_folder = fs::is_directory(path, failed);
  const fs::path folder = is_folder ? path : path.parent_path();
  const fs::path config = folder / "config.json", index = folder / "model_index.json";
  if (path.extension() == ".gguf" || (!fs::exists(config, failed) && !fs::exists(index, failed))) {
    // The reader of models knows which of these it can read.
    const auto model = ModelFile::open(path);
    if (!model) return model.error();
    return text_topology(path.filename().string());
  }
  const bool states_kind = fs::exists(config, failed);
  const fs::path& file = states_kind ? config : index;
  const auto object = read_object(file);
  if (!object) return object.error();
  std::string kind;
  for (const char* key : {"architecture", "model_type", "_class_name"})
    if (const auto at = object->find(key); at != object->end() && at->is_string())
      kind = at->get<std::string>();
  if (const auto names = object->find("architectures"); names != object->end() && names->is_array())
    for (const json& name : *names)
      for (const auto& [architecture, other] : other_architectures)
        if (name == architecture) kind = other;
  if (kind.empty())
    return Error{ErrorCode::corrupt, file.string() +
                                         ": key 'model_type': found nothing, expected "
                                         "the kind of the model: " +
                                         topology_names()};
  // Some checkpoints of omni models have no talker.
  if (const auto speaks = object->find("enable_audio_output");
      speaks != object->end() && *speaks == false && find_topology(kind + "_thinker_only"))
    kind += "_thinker_only";
  const auto found = find_topology(kind);
  if (!found) return Error{ErrorCode::unavailable, file.string() + ": " + not_supported(kind)};
  return *found;
}

std::string kind_by_file_name(const fs::path& file) {
  const std::string stem = file.stem().string();
  std::string kind;
  std::size_t longest = 0;
  const auto offer = [&](std::string_view name, const char* is) {
    const bool fits =
        stem.starts_with(name) && (stem.size() == name.size() || stem[name.size()] == '_');
    if (!fits || name.size() <= longest) return;
    longest = name.size();
    kind = is;
  };
  for (const char* name : kinds_of_vllm_omni) offer(name, name);
  for (const auto& [name, is] : other_names) offer(name, is);
  return kind;
}

}  // namespace limelight::stages::deploy
