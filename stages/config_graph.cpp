#include "stages/config_graph.hpp"

#include <algorithm>
#include <set>
#include <tuple>

#include "ipc/limits.hpp"
#include "stages/registry.hpp"

namespace limelight::stages {

namespace {

std::string ports_of(const std::vector<PortType>& ports) {
  std::string names;
  for (const PortType& port : ports)
    names += (names.empty() ? "" : ", ") + port.name +
             (port.name == port.carries ? "" : " with " + port.carries);
  return names.empty() ? "no port" : names;
}

// Every input of a stage has one edge, and what comes through it can be read.
void check_inputs(const YamlReader& reader,
                  const YAML::Node& at,
                  const StageConfig& s,
                  const PipelineConfig& config) {
  const StageType& type = type_of(s);
  std::vector<Feed> feeds;
  for (std::size_t in = 0; in < type.inputs.size(); ++in) {
    int edges = 0;
    for (const Edge& edge : config.edges)
      if (edge.to == s.stage_id && edge.input == static_cast<int>(in)) {
        ++edges;
        feeds.push_back({edge.input, config.find(edge.from)});
      }
    for (const AttachmentPort& port : config.attachments)
      edges += port.to == s.stage_id && port.input == static_cast<int>(in) ? 1 : 0;
    if (edges != 1)
      reader.refuse(at, "engine_input_source",
                    std::to_string(edges) +
                        (config.attachments.empty() ? " edges" : " edges or attachments") +
                        " into the input '" + type.inputs[in].name + "' of a " + type.name,
                    "exactly one");
  }
  const Result<void> checked = type.check ? type.check(s, feeds) : Result<void>();
  if (!checked) throw Refusal{reader.place(at.Mark()) + ": key " + checked.error().message};
}

// The output that goes to the user: the one that carries what final_output_type says, or the
// only one that a user can read.
void find_user_output(const YamlReader& reader, const YAML::Node& at, StageConfig& s) {
  if (!s.final_output) return;
  const StageType& type = type_of(s);
  std::vector<int> fitting;
  for (std::size_t o = 0; o < type.outputs.size(); ++o) {
    const std::string& carries = type.outputs[o].carries;
    if (s.final_output_type.empty() ? carries == "text" || carries == "audio"
                                    : carries == s.final_output_type)
      fitting.push_back(static_cast<int>(o));
  }
  if (fitting.size() != 1)
    reader.refuse(at, "final_output_type",
                  (s.final_output_type.empty() ? "no such key" : "'" + s.final_output_type + "'") +
                      std::string(" for a ") + type.name + " (" + ports_of(type.outputs) + ")",
                  "what one of its outputs carries, text or audio");
  s.user_output = fitting.front();
  s.sample_rate = type.outputs[static_cast<std::size_t>(s.user_output)].sample_rate;
  s.final_output_type = type.outputs[static_cast<std::size_t>(s.user_output)].carries;
}

// A user gets one sound for a request, which has one rate.
void check_sample_rates(const YamlReader& reader,
                        const YAML::Node& stages,
                        const PipelineConfig& config) {
  const StageConfig* first = nullptr;
  for (std::size_t i = 0; i < config.stages.size(); ++i) {
    const StageConfig& s = config.stages[i];
    if (s.user_output < 0 || s.final_output_type != "audio") continue;
    if (first == nullptr) first = &s;
    if (s.sample_rate != first->sample_rate)
      reader.refuse(stages[i], "final_output", "audio of " + std::to_string(s.sample_rate) + " Hz",
                    std::to_string(first->sample_rate) + " Hz, as stage " +
                        std::to_string(first->stage_id) + " has");
  }
}

}  // namespace

void connect(const YamlReader& reader, const std::vector<EdgeText>& texts, PipelineConfig& config) {
  for (std::size_t i = 0; i < config.edges.size(); ++i) {
    Edge& edge = config.edges[i];
    const EdgeText& text = texts[i];
    const StageType &from = type_of(*config.find(edge.from)), &to = type_of(*config.find(edge.to));
    std::vector<std::pair<int, int>> pairs;
    for (std::size_t o = 0; o < from.outputs.size(); ++o)
      for (std::size_t in = 0; in < to.inputs.size(); ++in)
        if (from.outputs[o].carries == to.inputs[in].carries &&
            (text.output.empty() || text.output == from.outputs[o].name) &&
            (text.input.empty() || text.input == to.inputs[in].name))
          pairs.emplace_back(static_cast<int>(o), static_cast<int>(in));
    if (pairs.size() != 1)
      reader.refuse(text.at, "edges",
                    std::to_string(pairs.size()) + " ways to join stage " +
                        std::to_string(edge.from) + " (" + from.name + ": " +
                        ports_of(from.outputs) + ") to stage " + std::to_string(edge.to) + " (" +
                        to.name + ": " + ports_of(to.inputs) + ")",
                    pairs.empty() ? "an output and an input that carry the same"
                                  : "from_port and to_port, to say which");
    std::tie(edge.output, edge.input) = pairs.front();
  }
  for (std::size_t i = 0; i < config.attachments.size(); ++i) {
    AttachmentPort& port = config.attachments[i];
    const EdgeText& text = texts[config.edges.size() + i];
    const StageConfig& to = *config.find(port.to);
    const std::vector<PortType>& inputs = type_of(to).inputs;
    if (to.plugin == nullptr)
      reader.refuse(text.at, "to", "stage " + std::to_string(port.to) + ", a " + to.model_stage,
                    "a stage of a plug-in: built-in ones read no attachments");
    std::vector<int> fitting;
    for (std::size_t in = 0; in < inputs.size(); ++in)
      if (text.input.empty() || text.input == inputs[in].name)
        fitting.push_back(static_cast<int>(in));
    if (fitting.size() != 1)
      reader.refuse(text.at, "to_port", text.input.empty() ? "no such key" : "'" + text.input + "'",
                    "an input of stage " + std::to_string(port.to) + " (" + ports_of(inputs) + ")");
    port.input = fitting.front();
  }
}
void check_graph(const YamlReader& reader, const YAML::Node& root, PipelineConfig& config) {
  std::map<int, std::set<int>> inputs;
  for (const Edge& edge : config.edges) inputs[edge.to].insert(edge.from);
  for (std::size_t i = 0; i < config.stages.size(); ++i) {
    StageConfig& s = config.stages[i];
    const YAML::Node at = root["stage_args"][i];
    const std::set<int> named(s.engine_input_source.begin(), s.engine_input_source.end());
    for (const int from : named) {
      if (config.find(from) == nullptr)
        reader.refuse(at, "engine_input_source", std::to_string(from), "the id of a stage");
      if (!inputs[s.stage_id].contains(from))
        reader.refuse(root["runtime"] ? root["runtime"] : root, "edges",
                      "no edge from " + std::to_string(from) + " to " + std::to_string(s.stage_id),
                      "an edge, because engine_input_source of stage " +
                          std::to_string(s.stage_id) + " names stage " + std::to_string(from));
    }
    check_inputs(reader, at, s, config);
    find_user_output(reader, at, s);
    const auto outputs = static_cast<int>(type_of(s).outputs.size());
    for (int output = 0; output < outputs; ++output)
      if (output != s.user_output &&
          std::none_of(config.edges.begin(), config.edges.end(), [&](const Edge& edge) {
            return edge.from == s.stage_id && edge.output == output;
          }))
        s.unread_outputs.push_back(output);
  }
  check_sample_rates(reader, root["stage_args"], config);
  // Topological order (Kahn 1962). When no stage is ready, those that are left form a cycle.
  std::vector<StageConfig> ordered;
  std::set<int> done;
  while (ordered.size() < config.stages.size()) {
    const std::size_t before = ordered.size();
    for (const StageConfig& s : config.stages) {
      if (done.contains(s.stage_id)) continue;
      bool ready = true;
      for (const int from : inputs[s.stage_id]) ready = ready && done.contains(from);
      if (!ready) continue;
      done.insert(s.stage_id);
      ordered.push_back(s);
    }
    if (ordered.size() != before) continue;
    std::string left;
    for (const StageConfig& s : config.stages)
      if (!done.contains(s.stage_id)) left += " " + std::to_string(s.stage_id);
    reader.refuse(root["runtime"]["edges"], "edges", "a cycle among stages" + left,
                  "edges without a cycle");
  }
  config.stages = std::move(ordered);
}

void check_limits(const YamlReader& reader, const YAML::Node& root, const PipelineConfig& config) {
  const auto ranks = static_cast<std::size_t>(config.world_size());
  if (ranks >= ipc::most_processes)
    reader.refuse(root["stage_args"], "stage_args",
                  std::to_string(ranks) + " ranks (stages, num_replicas, tensor_parallel_size)",
                  "at most " + std::to_string(ipc::most_processes - 1) +
                      ": iceoryx attaches no more processes to its broker");
  std::size_t channels = 0;
  std::map<int, std::size_t> into;
  for (const Edge& edge : config.edges) {
    const auto sources = static_cast<std::size_t>(config.find(edge.from)->num_replicas);
    channels += sources * static_cast<std::size_t>(config.find(edge.to)->num_replicas);
    into[edge.to] += sources;
  }
  for (const AttachmentPort& port : config.attachments) {
    channels += static_cast<std::size_t>(config.find(port.to)->num_replicas);
    ++into[port.to];
  }
  for (const StageConfig& s : config.stages)
    if (s.user_output >= 0) channels += static_cast<std::size_t>(s.num_replicas);
  for (const auto& [stage, count] : into)
    if (count > ipc::most_channels_together)
      reader.refuse(root["runtime"]["edges"], "edges",
                    std::to_string(count) + " channels into stage " + std::to_string(stage) +
                        ", one for each edge and replica of its source, and each attachment",
                    "at most " + std::to_string(ipc::most_channels_together));
  if (channels > ipc::most_publishers)
    reader.refuse(
        root["runtime"] ? root["runtime"] : root, "edges",
        std::to_string(channels) +
            " channels, one for each edge between two replicas, attachment and final output",
        "at most " + std::to_string(ipc::most_publishers) + ": iceoryx has no more publishers");
}

}  // namespace limelight::stages
