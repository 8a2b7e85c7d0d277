#include "stages/registry.hpp"

#include <map>

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
  return stage.plugin ? *stage.plugin : types().find(stage.model_stage)->second;
}

std::string stage_type_names() {
  std::string names;
  for (const auto& [name, type] : types()) names += (names.empty() ? "" : ", ") + name;
  return names;
}

}  // namespace limelight::stages
