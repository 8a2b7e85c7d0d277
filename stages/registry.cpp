#include "stages/registry.hpp"

#include <map>

#include "stages/models/model_file.hpp"

namespace limelight::stages {

namespace {

using Types = std::map<std::string, StageType, std::less<>>;

Types& types() {
  static Types all = [] {
    Types built_in;
    for (StageType type : {thinker_type(), talker_type(), code2wav_type()})
      built_in.emplace(type.name, std::move(type));
    return built_in;
  }();
  return all;
}

// Types of the stages of omni models that differ from those in the table, by the same names.
const Types& types_of_qwen2_5_omni() {
  static const Types all{{"talker", qwen2_5_omni_talker_type()}, {"code2wav", token2wav_type()}};
  return all;
}
const Types& types_of_qwen3_omni() {
  static const Types all{{"talker", qwen3_omni_talker_type()}, {"code2wav", wave_decoder_type()}};
  return all;
}
const Types& types_of_qwen3_tts() {
  static const Types all{{"talker", qwen3_tts_talker_type()}};
  return all;
}

}  // namespace

Result<void> register_stage_type(StageType type) {
  const std::string name = type.name;
  if (!types().emplace(name, std::move(type)).second)
    return Error{ErrorCode::invalid_argument,
                 "stage type '" + name + "': there is one of this name already"};
  return {};
}

const StageType* find_stage_type(std::string_view name) {
  const auto at = types().find(name);
  return at == types().end() ? nullptr : &at->second;
}

const StageType& type_of(const StageConfig& stage) {
  if (stage.plugin) return *stage.plugin;
  const Types* of_model = nullptr;
  if (stage.token2wav || (stage.model && stage.model->qwen2_5_omni() != nullptr))
    of_model = &types_of_qwen2_5_omni();
  if (stage.code2wav || (stage.model && stage.model->omni() != nullptr))
    of_model = &types_of_qwen3_omni();
  if (stage.model && stage.model->tts() != nullptr) of_model = &types_of_qwen3_tts();
  if (of_model != nullptr)
    if (const auto at = of_model->find(stage.model_stage); at != of_model->end()) return at->second;
  return types().find(stage.model_stage)->second;
}

bool has_type_by_model(std::string_view name) { return types_of_qwen3_omni().contains(name); }

std::string stage_type_names() {
  std::string names;
  for (const auto& [name, type] : types()) names += (names.empty() ? "" : ", ") + name;
  return names;
}

}  // namespace limelight::stages
