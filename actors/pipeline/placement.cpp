#include "actors/pipeline/placement.hpp"

#include <algorithm>
#include <iterator>
#include <set>

#include "stages/stage_factory.hpp"

namespace limelight::actors {

std::vector<Crossing> crossings(const stages::PipelineConfig& config) {
  std::vector<Crossing> all;
  const auto add = [&](Crossing crossing) {
    if (crossing.from != crossing.to) all.push_back(std::move(crossing));
  };
  for (const stages::Edge& edge : config.edges) {
    const stages::StageConfig &from = *config.find(edge.from), &to = *config.find(edge.to);
    for (int source = 0; source < from.num_replicas; ++source)
      for (int reader = 0; reader < to.num_replicas; ++reader)
        add({.topic = topic_between("", {edge.from, source}, {edge.to, reader}, edge.input),
             .from = config.node_of(edge.from, source),
             .to = config.node_of(edge.to, reader),
             .max_bytes = stages::max_output_bytes(from, edge.output),
             .window = static_cast<std::size_t>(edge.window_size),
             .reader = {edge.to, reader}});
  }
  for (const stages::StageConfig& s : config.stages)
    if (s.user_output >= 0)
      for (int replica = 0; replica < s.num_replicas; ++replica)
        add({.topic = topic_to_user("", {s.stage_id, replica}),
             .from = config.node_of(s.stage_id, replica),
             .to = "",
             .max_bytes = stages::max_output_bytes(s, s.user_output),
             .window = user_window});
  for (const stages::AttachmentPort& port : config.attachments)
    for (int replica = 0; replica < config.find(port.to)->num_replicas; ++replica)
      add({.topic = topic_of_attachment("", {port.to, replica}, port.input),
           .from = "",
           .to = config.node_of(port.to, replica),
           .max_bytes = port.largest_bytes,
           .window = attachment_window,
           .reader = {port.to, replica}});
  return all;
}

std::string run_on(const stages::PipelineConfig& config,
                   const std::string& run,
                   const std::string& node) {
  const auto at = config.nodes.find(node);
  if (at == config.nodes.end()) return run;
  return run + "_" + std::to_string(std::distance(config.nodes.begin(), at) + 1);
}

std::string run_of_all(const std::string& run_here) {
  return run_here.substr(0, run_here.find('_'));
}

std::string node_of_rank(const stages::PipelineConfig& config, int rank) {
  const auto replica = config.replica_of(rank);
  return replica ? config.node_of(replica->stage_id, replica->index) : "";
}

std::vector<std::string> nodes_in_use(const stages::PipelineConfig& config) {
  std::set<std::string> names;
  for (const stages::Replica& replica : config.replicas())
    names.insert(config.node_of(replica.stage_id, replica.index));
  names.erase("");
  return {names.begin(), names.end()};
}

}  // namespace limelight::actors
