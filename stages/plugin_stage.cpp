#include "stages/plugin_stage.hpp"

#include <exception>

#include "stages/guarded_stage.hpp"
#include "stages/plugin_library.hpp"

namespace limelight::stages {

namespace {
// What is a std::exception is left to make_stage(), which knows what to say of it.
Result<std::unique_ptr<Stage>> make(const PluginType& type, const PluginConfig& config) {
  const auto wrong = [&](const char* found) {
    return Error{ErrorCode::internal,
                 "stage type '" + type.name + "': make() " + found + ", expected a stage"};
  };
  try {
    auto made = type.make(config);
    if (made && *made == nullptr) return wrong("returned nothing");
    return made;
  } catch (const std::exception&) {
    throw;
  } catch (...) {
    return wrong("threw something that is no std::exception");
  }
}
}  // namespace

StageType stage_type_of(PluginStage stage, PluginDescription description) {
  StageType type;
  type.name = description.name;
  type.inputs = description.ports.inputs;
  for (const OutputPort& port : description.ports.outputs)
    type.outputs.push_back({port.name, port.carries, port.sample_rate});
  type.largest_output = [outputs = description.ports.outputs](const StageConfig&, int output) {
    return outputs.at(static_cast<std::size_t>(output)).largest_bytes;
  };
  type.weight_bytes = [](const StageConfig&) { return std::uint64_t{0}; };
  type.make = [stage = std::move(stage), description = std::move(description)](
                  const StageConfig& config, Device&,
                  ipc::Collective*) -> Result<std::unique_ptr<Stage>> {
    const auto found = find_plugin_type(stage.library, description.name);
    if (!found) return found.error();
    auto made = make(**found, stage.config);
    if (!made) return made;
    return std::unique_ptr<Stage>(std::make_unique<GuardedStage>(
        std::move(*made), description.name, description.ports, config.unread_outputs));
  };
  return type;
}

}  // namespace limelight::stages
