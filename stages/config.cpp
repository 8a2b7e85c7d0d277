#include <unistd.h>

#include <cctype>
#include <cmath>
#include <limelight/config.hpp>

#include "ipc/window.hpp"
#include "stages/config_graph.hpp"
#include "stages/config_nodes.hpp"
#include "stages/config_plugin.hpp"
#include "stages/config_stage.hpp"
#include "stages/deploy/deploy.hpp"
#include "stages/models/model_file.hpp"
#include "stages/yaml_reader.hpp"

namespace limelight::stages {

namespace {

constexpr int most_window = static_cast<int>(ipc::most_window);
constexpr int most_retries = 100;
constexpr int most_pause_ms = 24 * 3600 * 1000;

struct Reader : YamlReader {
  std::filesystem::path rank_executable = {};  // that the caller wants

  Supervision supervision(const YAML::Node& node) const {
    Supervision s;
    const auto milliseconds = [&](std::chrono::milliseconds& to) -> Handler {
      return [this, &to](auto& v, auto& k) {
        to = std::chrono::milliseconds(positive(v, k, most_pause_ms));
      };
    };
    map(node, "supervision",
        {{"max_failures", [&](auto& v, auto& k) { s.max_failures = positive(v, k, 1'000'000); }},
         {"failure_window_ms", milliseconds(s.failure_window)},
         {"restart_backoff_ms", milliseconds(s.restart_backoff)},
         {"max_retries", [&](auto& v, auto& k) {
            s.max_retries = as<int>(v, k, "a whole number, 0 or more");
            if (s.max_retries < 0 || s.max_retries > most_retries)
              refuse(v, k, show(v), "0 to " + std::to_string(most_retries));
          }}});
    return s;
  }

  AttachmentPort attachment(const YAML::Node& node, EdgeText& text) const {
    AttachmentPort port{.to = -1};
    const char* expected = "a name of letters, digits, _ and -";
    map(node, "attachments",
        {{"name",
          [&](auto& v, auto& k) {
            port.name = as<std::string>(v, k, expected);
            for (const unsigned char c : port.name)
              if (std::isalnum(c) == 0 && c != '_' && c != '-') refuse(v, k, show(v), expected);
          }},
         {"to", [&](auto& v, auto& k) { port.to = as<int>(v, k, "the id of a stage"); }},
         {"to_port",
          [&](auto& v, auto& k) { text.input = as<std::string>(v, k, "the name of an input"); }},
         {"largest_bytes",
          [&](auto& v, auto& k) {
            port.largest_bytes = as<std::uint64_t>(v, k, "a whole number of bytes");
            if (port.largest_bytes < 1 || port.largest_bytes > most_attachment_bytes)
              refuse(v, k, show(v), "1 to " + std::to_string(most_attachment_bytes) + " bytes");
          }},
         {"required", [&](auto& v, auto& k) { port.required = as<bool>(v, k, "true or false"); }}});
    if (port.name.empty()) refuse(node, "name", "no such key", expected);
    if (port.largest_bytes == 0)
      refuse(node, "largest_bytes", "no such key", "the bytes of the largest tensor");
    return port;
  }

  // text: of a config that is in no file.
  PipelineConfig read(const std::string* text = nullptr, const OpenedModel& opened = {}) {
    YAML::Node root;
    try {
      root = text != nullptr ? YAML::Load(*text) : YAML::LoadFile(file);
    } catch (const YAML::BadFile&) {
      throw Refusal{};
    } catch (const YAML::ParserException& broken) {
      throw Refusal{file + ":" + std::to_string(broken.mark.line + 1) +
                    ": not YAML: " + broken.msg};
    }
    if (root.IsMap() && !root["stage_args"] &&
        deploy::kind_of_file(file) == deploy::FileKind::deploy_config)
      throw Refusal{file +
                    ": found a deploy config of vLLM-Omni, expected a stage config with "
                    "`stage_args`: name the model too (--model FOLDER --deploy-config " +
                    file + ")"};
    PipelineConfig config;
    config.file = file;
    if (rank_executable.empty()) rank_executable = named_rank_executable(*this, root);
    config.rank_executable = rank_executable;
    std::vector<Edge> edges;
    std::vector<EdgeText> texts, attachment_texts;
    int window = Edge{}.window_size;
    map(root, "the config",
        {{"stage_args",
          [&](auto& n, auto& k) {
            if (!n.IsSequence() || n.size() == 0) refuse(n, k, show(n), "a list of stages");
            for (const auto& item : n) {
              config.stages.push_back(read_stage(*this, item, rank_executable, opened));
              for (std::size_t i = 0; i + 1 < config.stages.size(); ++i)
                if (config.stages[i].stage_id == config.stages.back().stage_id)
                  refuse(item["stage_id"], "stage_id",
                         "'" + std::to_string(config.stages[i].stage_id) + "' a second time",
                         "an id that no other stage has");
            }
          }},
         {"runtime", [&](auto& n, auto&) {
            map(n, "runtime",
                {{"enabled", [&](auto& v, auto& k) { as<bool>(v, k, "true or false"); }},
                 {"connectors", [](auto&, auto&) {}},
                 {"rank_executable", [](auto&, auto&) {}},  // it was read before
                 {"profile_dir",
                  [&](auto& v, auto& k) {
                    config.profile_dir = as<std::string>(v, k, "a folder");
                  }},
                 {"defaults",
                  [&](auto& v, auto&) {
                    map(v, "defaults",
                        {{"window_size",
                          [&](auto& x, auto& k) { window = positive(x, k, most_window); }},
                         {"max_inflight",
                          [&](auto& x, auto& k) { config.max_inflight = positive(x, k, 1024); }}});
                  }},
                 {"nodes", [&](auto& v, auto&) { read_nodes(*this, v, config); }},
                 {"supervision", [&](auto& v, auto&) { config.supervision = supervision(v); }},
                 {"attachments",
                  [&](auto& v, auto& k) {
                    if (!v.IsSequence()) refuse(v, k, show(v), "a list of attachments");
                    for (const YAML::Node& item : v) {
                      EdgeText text{{}, {}, item};
                      config.attachments.push_back(attachment(item, text));
                      attachment_texts.push_back(text);
                    }
                  }},
                 {"edges", [&](auto& v, auto& k) {
                    if (!v.IsSequence()) refuse(v, k, show(v), "a list of edges");
                    for (const YAML::Node& item : v) {
                      Edge e{.window_size = 0};
                      EdgeText text{{}, {}, item};
                      map(item, "edges",
                          {{"from",
                            [&](auto& x, auto& key) {
                              e.from = as<int>(x, key, "the id of a stage");
                            }},
                           {"to", [&](auto& x,
                                      auto& key) { e.to = as<int>(x, key, "the id of a stage"); }},
                           {"from_port",
                            [&](auto& x, auto& key) {
                              text.output = as<std::string>(x, key, "the name of an output");
                            }},
                           {"to_port",
                            [&](auto& x, auto& key) {
                              text.input = as<std::string>(x, key, "the name of an input");
                            }},
                           {"window_size", [&](auto& x, auto& key) {
                              e.window_size = positive(x, key, most_window);
                            }}});
                      edges.push_back(e);
                      texts.push_back(text);
                    }
                  }}});
          }}});
    if (config.stages.empty()) refuse(root, "stage_args", "nothing", "a list of stages");
    for (std::size_t i = 0; i < config.stages.size(); ++i)
      read_placement(*this, root["stage_args"][i]["node"], config.stages[i], config);
    for (std::size_t i = 0; i < edges.size(); ++i) {
      const Edge& e = edges[i];
      for (const int end : {e.from, e.to})
        if (config.find(end) == nullptr)
          refuse(texts[i].at, "edges", "stage " + std::to_string(end), "the id of a stage");
      config.edges.push_back(e);
      if (e.window_size == 0) config.edges.back().window_size = window;
    }
    for (std::size_t i = 0; i < config.attachments.size(); ++i)
      if (config.find(config.attachments[i].to) == nullptr)
        refuse(attachment_texts[i].at, "to", "stage " + std::to_string(config.attachments[i].to),
               "the id of a stage");
    texts.insert(texts.end(), attachment_texts.begin(), attachment_texts.end());
    connect(*this, texts, config);
    check_graph(*this, root, config);
    check_limits(*this, root, config);
    return config;
  }
};

}  // namespace

namespace {

// Reads what is in the reader's file, or what `deployed` has made.
Result<PipelineConfig> read_config(const std::filesystem::path& file,
                                   const std::filesystem::path& rank_executable,
                                   const deploy::Resolved* deployed) {
  std::error_code ignored;
  const auto host = rank_executable.empty() ? rank_executable
                                            : std::filesystem::absolute(rank_executable, ignored);
  if (!host.empty() && ::access(host.c_str(), X_OK) != 0)
    return Error{ErrorCode::invalid_argument, "rank_executable: found '" + host.string() +
                                                  "', expected a program that can be run"};
  try {
    Reader reader{{file.string()}, host};
    if (deployed == nullptr) return reader.read();
    reader.places = deployed->places;
    return reader.read(&deployed->text, {file.string(), deployed->model});
  } catch (const Refusal& refusal) {
    if (refusal.text.empty())
      return Error{ErrorCode::not_found, file.string() + ": cannot read the stage config"};
    return Error{ErrorCode::invalid_argument, refusal.text};
  } catch (const YAML::Exception& broken) {
    return Error{ErrorCode::invalid_argument,
                 file.string() + ":" + std::to_string(broken.mark.line + 1) + ": " + broken.msg};
  }
}

}  // namespace

Result<PipelineConfig> parse(const std::filesystem::path& file,
                             const std::filesystem::path& rank_executable) {
  return read_config(file, rank_executable, nullptr);
}

void set_model(std::shared_ptr<const ModelFile> model, StageConfig& config) {
  config.shape = model->shape();
  for (const RopeShape& rope : config.shape.ropes)
    if (!rope.long_frequencies.empty())
      config.shape.max_model_len = std::min(config.shape.max_model_len, rope.short_length);
  if (const Qwen3Omni* omni = model->omni(); omni != nullptr && omni->speaks) {
    config.codec.codebooks = omni->predictor.groups;
    config.codec.codebook_size = omni->predictor.decoder.vocab;
  }
  if (const Qwen3Tts* tts = model->tts(); tts != nullptr) {
    config.codec.codebooks = tts->predictor.groups;
    config.codec.codebook_size = tts->predictor.decoder.vocab;
  }
  if (const Qwen25Omni* omni = model->qwen2_5_omni(); omni != nullptr && omni->speaks) {
    config.codec.codebooks = 1;
    config.codec.codebook_size = config.shape.vocab;
  }
  config.model = std::move(model);
}

int PipelineConfig::world_size() const {
  int sum = 0;
  for (const StageConfig& s : stages) sum += s.tensor_parallel_size * s.num_replicas;
  return sum;
}
std::vector<Replica> PipelineConfig::replicas() const {
  std::vector<Replica> all;
  int rank = 0;
  for (const StageConfig& s : stages)
    for (int index = 0; index < s.num_replicas; ++index, rank += s.tensor_parallel_size)
      all.push_back({s.stage_id, index, rank, s.tensor_parallel_size});
  return all;
}
std::optional<Replica> PipelineConfig::replica_of(int rank) const {
  for (const Replica& one : replicas())
    if (rank >= one.first_rank && rank < one.first_rank + one.ranks) return one;
  return std::nullopt;
}
const StageConfig* PipelineConfig::stage_of(int rank) const {
  const auto replica = replica_of(rank);
  return replica ? find(replica->stage_id) : nullptr;
}
int PipelineConfig::first_rank(int stage_id) const {
  for (const Replica& one : replicas())
    if (one.stage_id == stage_id) return one.first_rank;
  return world_size();
}
std::size_t PipelineConfig::place(int stage_id) const {
  return static_cast<std::size_t>(find(stage_id) - stages.data());
}
const StageConfig* PipelineConfig::find(int stage_id) const {
  for (const StageConfig& s : stages)
    if (s.stage_id == stage_id) return &s;
  return nullptr;
}

}  // namespace limelight::stages

limelight::Result<limelight::stages::PipelineConfig> limelight::pipeline_of(
    const EngineArgs& args) {
  namespace deploy = stages::deploy;
  const auto wrong = [](const std::string& text) {
    return Error{ErrorCode::invalid_argument, text};
  };
  if (args.model.empty() && args.deploy_config.empty()) {
    if (!args.stage_overrides.empty())
      return wrong(
          "--stage-overrides: found no --model, expected one: a stage config is changed "
          "in its file");
    return stages::parse(args.config, args.rank_executable);
  }
  deploy::Wish wish{.config = args.deploy_config, .overrides = args.stage_overrides};
  if (!args.config.empty()) {
    if (!wish.config.empty())
      return wrong("--config: found it beside --deploy-config, expected one of them");
    if (deploy::kind_of_file(args.config) == deploy::FileKind::stage_config)
      return wrong(args.config.string() +
                   ": found a stage config beside --model, expected a deploy config, or --config "
                   "alone: a stage config names its models itself");
    wish.config = args.config;
  }
  if (!args.model.empty()) {
    std::error_code ignored;
    wish.model = std::filesystem::absolute(stages::find_model(args.model, {}), ignored);
  }
  auto resolved = deploy::resolve(wish);
  if (!resolved) return resolved.error();
  auto config = stages::read_config(wish.model, args.rank_executable, &*resolved);
  if (!config) return config.error();
  config->text = std::move(resolved->text);
  for (const auto& one : resolved->ignored.all) config->ignored.emplace_back(one.key, one.why);
  return config;
}
