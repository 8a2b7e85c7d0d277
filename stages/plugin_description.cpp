#include "stages/plugin_description.hpp"

#include <sys/prctl.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>
#include <set>

#include "base/subprocess.hpp"
#include "stages/plugin_library.hpp"

namespace limelight::stages {

namespace {

using nlohmann::json;

constexpr std::chrono::seconds patience{60};
// iceoryx counts a chunk, which has a header, in 32 bits.
constexpr std::uint64_t most_tensor_bytes = 0xffff'0000;
constexpr int most_sample_rate = 768'000;

Error invalid(std::string text) { return {ErrorCode::invalid_argument, std::move(text)}; }

template <class Port>
Result<void> check_names(const std::vector<Port>& ports,
                         const std::string& stage,
                         const char* what) {
  std::set<std::string> names;
  for (const Port& port : ports) {
    if (port.name.empty() || port.carries.empty())
      return invalid("stage type '" + stage + "': found an " + what +
                     " without a name or without what it carries, expected both");
    if (!names.insert(port.name).second)
      return invalid("stage type '" + stage + "': found two " + what + "s named '" + port.name +
                     "', expected a name for each");
  }
  return {};
}

Result<void> check_ports(const PluginPorts& ports, const std::string& stage) {
  if (auto good = check_names(ports.inputs, stage, "input"); !good) return good;
  if (auto good = check_names(ports.outputs, stage, "output"); !good) return good;
  if (ports.outputs.empty())
    return invalid("stage type '" + stage + "': found no output, expected one or more");
  for (const OutputPort& port : ports.outputs)
    if (port.largest_bytes == 0 || port.largest_bytes > most_tensor_bytes)
      return invalid("stage type '" + stage + "': found tensors of " +
                     std::to_string(port.largest_bytes) + " bytes for the output '" + port.name +
                     "' (largest_bytes), expected 1 to " + std::to_string(most_tensor_bytes));
  for (const OutputPort& port : ports.outputs)
    if (port.sample_rate < 1 || port.sample_rate > most_sample_rate)
      return invalid("stage type '" + stage + "': found a sample rate of " +
                     std::to_string(port.sample_rate) + " for the output '" + port.name +
                     "', expected 1 to " + std::to_string(most_sample_rate));
  return {};
}

Result<void> check_options(const PluginType& type, const PluginConfig& config) {
  for (const auto& [key, value] : config.options)
    if (std::find(type.options.begin(), type.options.end(), key) == type.options.end()) {
      std::string known;
      for (const std::string& name : type.options) known += (known.empty() ? "" : ", ") + name;
      return invalid("'" + key + "': found an option that a " + type.name +
                     " does not have, expected " + (known.empty() ? "none" : "one of " + known));
    }
  return {};
}

// Throws json::exception for bytes that are not UTF-8.
std::string to_text(const PluginStage& stage) {
  const PluginConfig& c = stage.config;
  return json{{"library", stage.library.string()},
              {"name", stage.name},
              {"stage_id", c.stage_id},
              {"folder", c.folder.string()},
              {"options", c.options},
              {"max_batch_size", c.max_batch_size},
              {"max_num_batched_tokens", c.max_num_batched_tokens},
              {"cpu_threads", c.cpu_threads}}
      .dump();
}
PluginStage stage_of(const std::string& text) {
  const json from = json::parse(text);
  return {.library = from.at("library").get<std::string>(),
          .name = from.at("name"),
          .config = {.stage_id = from.at("stage_id"),
                     .folder = from.at("folder").get<std::string>(),
                     .options = from.at("options"),
                     .max_batch_size = from.at("max_batch_size"),
                     .max_num_batched_tokens = from.at("max_num_batched_tokens"),
                     .cpu_threads = from.at("cpu_threads")}};
}

json to_json(const PluginDescription& description) {
  json inputs = json::array(), outputs = json::array();
  for (const PortType& port : description.ports.inputs)
    inputs.push_back({{"name", port.name}, {"carries", port.carries}});
  for (const OutputPort& port : description.ports.outputs)
    outputs.push_back({{"name", port.name},
                       {"carries", port.carries},
                       {"largest_bytes", port.largest_bytes},
                       {"sample_rate", port.sample_rate}});
  return {{"name", description.name}, {"inputs", inputs}, {"outputs", outputs}};
}
PluginDescription description_of(const json& from) {
  PluginDescription description{.name = from.at("name")};
  for (const json& port : from.at("inputs"))
    description.ports.inputs.push_back({.name = port.at("name"), .carries = port.at("carries")});
  for (const json& port : from.at("outputs"))
    description.ports.outputs.push_back({.name = port.at("name"),
                                         .carries = port.at("carries"),
                                         .largest_bytes = port.at("largest_bytes"),
                                         .sample_rate = port.at("sample_rate")});
  return description;
}

}  // namespace

Result<PluginDescription> describe(const PluginStage& stage) {
  const auto type = find_plugin_type(stage.library, stage.name);
  if (!type) return type.error();
  if (auto good = check_options(**type, stage.config); !good) return good.error();
  const std::string& name = (*type)->name;
  try {
    auto ports = (*type)->ports(stage.config);
    if (!ports) return ports.error();
    if (auto good = check_ports(*ports, name); !good) return good.error();
    return PluginDescription{.name = name, .ports = std::move(ports).value()};
  } catch (const std::exception& failed) {
    return invalid("stage type '" + name + "': its ports cannot be told: " + failed.what());
  } catch (...) {
    return invalid("stage type '" + name + "': its ports cannot be told: something was thrown");
  }
}

int answer_description(const std::string& stage) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // nobody else would end a library that hangs
  json answer;
  try {
    const auto description = describe(stage_of(stage));
    if (description) answer = to_json(*description);
    else answer["error"] = description.error().message;
  } catch (const json::exception& bad) {
    answer["error"] = std::string("the question cannot be read: ") + bad.what();
  }
  const std::string text = answer.dump(-1, ' ', false, json::error_handler_t::replace);
  const auto written = ::write(answer_fd, text.data(), text.size());
  return written == static_cast<ssize_t>(text.size()) ? 0 : 1;
}

Result<PluginDescription> ask_for_description(const std::filesystem::path& host,
                                              const PluginStage& stage) {
  const std::string of = stage.library.empty() ? host.string() : "'" + stage.library.string() + "'";
  std::string question;
  try {
    question = to_text(stage);
  } catch (const json::exception&) {
    return invalid("'options': found a text that is not UTF-8, expected UTF-8");
  }
  const auto ended = run_program(host, {describe_argument, question}, patience);
  if (!ended && ended.error().code == ErrorCode::timeout)
    return invalid("'library': found " + of + ", which does not say its ports within " +
                   std::to_string(patience.count()) + " s, expected a plug-in");
  if (!ended) return ended.error();
  const json answer = json::parse(ended->answer, nullptr, false);
  try {
    if (answer.contains("error")) return invalid(answer.at("error"));
    return description_of(answer);
  } catch (const json::exception&) {
    return invalid("'library': found " + of + ", and the process that asked it for its ports " +
                   ended->cause + (ended->output.empty() ? "" : " (" + ended->output + ")") +
                   ", expected an answer");
  }
}

}  // namespace limelight::stages
