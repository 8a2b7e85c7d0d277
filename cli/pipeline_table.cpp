#include "cli/pipeline_table.hpp"

namespace limelight::cli {

namespace {

std::string count(int number, const std::string& what) {
  return std::to_string(number) + " " + what + (number == 1 ? "" : "s");
}

}  // namespace

std::string describe(const stages::PipelineConfig& config) {
  std::string text = count(static_cast<int>(config.stages.size()), "stage") + ", " +
                     count(config.world_size(), "rank") + ", " +
                     std::to_string(config.max_inflight) +
                     " requests in the pipeline at one time\n";
  for (const stages::StageConfig& s : config.stages) {
    text += "stage " + std::to_string(s.stage_id) + ": " + s.model_stage + " on " + s.devices +
            ", " + count(s.num_replicas, "replica") + " of " +
            count(s.tensor_parallel_size, "rank") + ", " + count(s.max_batch_size, "request") +
            " and " + count(s.max_num_batched_tokens, "token") + " in a step, max_model_len " +
            std::to_string(s.shape.max_model_len);
    if (s.final_output) text += ", output " + s.final_output_type;
    if (const auto at = config.placement.find(s.stage_id); at != config.placement.end())
      for (std::size_t i = 0; i < at->second.size(); ++i)
        text += (i == 0 ? ", on " : " and ") + (at->second[i].empty() ? "here" : at->second[i]);
    text += '\n';
  }
  for (const auto& [name, address] : config.nodes) text += "node " + name + ": " + address + "\n";
  for (const auto& [key, why] : config.ignored) text += "ignored: " + key + " (" + why + ")\n";
  if (!config.text.empty()) text += "as a stage config:\n" + config.text;
  return text;
}

}  // namespace limelight::cli
