#include "actors/pipeline/routes.hpp"

#include <algorithm>
#include <set>

namespace limelight::actors {

Result<Needs> needs_of(const stages::PipelineConfig& config,
                       const std::vector<std::string>& modalities) {
  const std::size_t count = config.stages.size();
  Needs needs{std::vector<bool>(count, modalities.empty()), std::vector<bool>(count)};
  std::set<std::string> kinds;
  for (std::size_t i = 0; i < count; ++i) {
    const stages::StageConfig& stage = config.stages[i];
    if (stage.user_output < 0) continue;
    kinds.insert(stage.final_output_type);
    needs.to_user[i] = modalities.empty() || std::find(modalities.begin(), modalities.end(),
                                                       stage.final_output_type) != modalities.end();
    if (needs.to_user[i]) needs.stages[i] = true;
  }
  for (const std::string& wanted : modalities)
    if (!kinds.contains(wanted)) {
      std::string all;
      for (const std::string& kind : kinds) all += (all.empty() ? "" : ", ") + kind;
      return Error{ErrorCode::invalid_argument,
                   "modalities: found '" + wanted + "', expected what the pipeline has: " + all};
    }
  // A stage comes after its sources, so one pass from the end finds them all.
  for (std::size_t i = count; i-- > 0;)
    if (needs.stages[i])
      for (const stages::Edge& edge : config.edges)
        if (edge.to == config.stages[i].stage_id) needs.stages[config.place(edge.from)] = true;
  return needs;
}

bool is_entry(const stages::PipelineConfig& config, int stage_id) {
  return std::none_of(config.edges.begin(), config.edges.end(),
                      [&](const stages::Edge& edge) { return edge.to == stage_id; });
}

}  // namespace limelight::actors
