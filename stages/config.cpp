#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limelight/config.hpp>
#include <set>
#include <tuple>

#include "ipc/window.hpp"
#include "stages/devices/device.hpp"
#include "stages/models/kv_cache.hpp"
#include "stages/models/model_file.hpp"
#include "stages/registry.hpp"

namespace limelight::stages {

namespace {

// The default of max_model_len for a model from files. The model's own limit can need more shared
// memory than a machine has.
constexpr int usual_model_len = 2048;
constexpr int most_window = static_cast<int>(ipc::most_window);
constexpr int most_requests = 256;  // in one step of a stage

// An internal exception: nested parsers throw it to abort, and parse() catches it. An empty text
// means that the file cannot be read.
struct Refusal {
  std::string text;
};

struct Reader {
  std::string file;

  [[noreturn]] void refuse(const YAML::Node& at,
                           const std::string& key,
                           const std::string& found,
                           const std::string& expected) const {
    const int line = at.Mark().is_null() ? 1 : at.Mark().line + 1;
    throw Refusal{file + ":" + std::to_string(line) + ": key '" + key + "': found " + found +
                  ", expected " + expected};
  }
  static std::string show(const YAML::Node& node) {
    if (node.IsScalar()) return "'" + node.Scalar() + "'";
    return node.IsSequence() ? "a list" : node.IsMap() ? "a map" : "nothing";
  }

  template <class T>
  T as(const YAML::Node& node, const std::string& key, const char* expected) const {
    try {
      if (node.IsScalar()) return node.as<T>();
    } catch (const YAML::Exception&) {}
    refuse(node, key, show(node), expected);
  }
  int positive(const YAML::Node& node, const std::string& key, int most = 1 << 20) const {
    const int value = as<int>(node, key, "a whole number");
    if (value < 1 || value > most)
      refuse(node, key, show(node), "a whole number from 1 to " + std::to_string(most));
    return value;
  }
  std::vector<int> numbers(const YAML::Node& node, const std::string& key) const {
    if (!node.IsSequence()) refuse(node, key, show(node), "a list of whole numbers");
    std::vector<int> out;
    for (const auto& item : node) out.push_back(as<int>(item, key, "a list of whole numbers"));
    return out;
  }

  using Handler = std::function<void(const YAML::Node&, const std::string&)>;
  void map(const YAML::Node& node,
           const std::string& where,
           const std::map<std::string, Handler>& known) const {
    if (!node.IsMap()) refuse(node, where, show(node), "a map");
    for (const auto& item : node) {
      const std::string key = as<std::string>(item.first, where, "a key");
      const auto at = known.find(key);
      if (at == known.end()) {
        std::string all;
        for (const auto& [name, handler] : known) all += (all.empty() ? "" : ", ") + name;
        refuse(item.first, key, "an unknown key in " + where, "one of " + all);
      }
      at->second(item.second, key);
    }
  }

  // params: what holds where the map says nothing.
  SamplingParams sampling(const YAML::Node& node, SamplingParams params) const {
    SamplingParams& p = params;
    // Sets one parameter, whose range is that of a request's.
    const auto in_range = [&](auto set) {
      return [this, &p, set](const YAML::Node& n, const std::string& k) {
        set(n, k);
        constexpr std::string_view before = ", expected ";
        if (const auto good = check(p); !good)
          refuse(n, k, show(n),
                 good.error().message.substr(good.error().message.find(before) + before.size()));
      };
    };
    const auto real = [&](float& to) {
      return in_range([this, &to](auto& n, auto& k) { to = as<float>(n, k, "a number"); });
    };
    const auto whole = [&](auto& to) {
      return in_range([this, &to](auto& n, auto& k) { to = as<int>(n, k, "a whole number"); });
    };
    map(node, "default_sampling_params",
        {{"temperature", real(p.temperature)},
         {"top_p", real(p.top_p)},
         {"min_p", real(p.min_p)},
         {"repetition_penalty", real(p.repetition_penalty)},
         {"presence_penalty", real(p.presence_penalty)},
         {"frequency_penalty", real(p.frequency_penalty)},
         {"top_k", whole(p.top_k)},
         {"max_tokens", whole(p.max_tokens)},
         {"min_tokens", whole(p.min_tokens)},
         {"logprobs", whole(p.logprobs)},
         {"seed",
          [&](auto& n, auto& k) { p.seed = as<std::uint64_t>(n, k, "a whole number, 0 or more"); }},
         {"ignore_eos", [&](auto& n, auto& k) { p.ignore_eos = as<bool>(n, k, "true or false"); }},
         {"detokenize", [&](auto& n, auto& k) { as<bool>(n, k, "true or false"); }},
         {"stop", in_range([&](auto& n, auto& k) {
            const char* expected = "a text or a list of texts";
            p.stop.clear();
            if (n.IsSequence())
              for (const auto& item : n) p.stop.push_back(as<std::string>(item, k, expected));
            else p.stop.push_back(as<std::string>(n, k, expected));
          })},
         {"logit_bias", in_range([&](auto& n, auto& k) {
            const char* expected = "a map from tokens to numbers";
            if (!n.IsMap()) refuse(n, k, show(n), expected);
            p.logit_bias.clear();
            for (const auto& item : n)
              p.logit_bias[as<int>(item.first, k, expected)] = as<float>(item.second, k, expected);
          })},
         {"stop_token_ids",
          in_range([&](auto& n, auto& k) { p.stop_token_ids = numbers(n, k); })}});
    return params;
  }

  ModelShape shape(const YAML::Node& node) const {
    ModelShape s;
    std::map<std::string, Handler> known;
    for (const auto& [key, to] :
         std::initializer_list<std::pair<const char*, int*>>{{"layers", &s.layers},
                                                             {"hidden", &s.hidden},
                                                             {"heads", &s.heads},
                                                             {"kv_heads", &s.kv_heads},
                                                             {"head_dim", &s.head_dim},
                                                             {"mlp", &s.mlp},
                                                             {"vocab", &s.vocab},
                                                             {"input_hidden", &s.input_hidden},
                                                             {"codebooks", &s.codebooks},
                                                             {"codebook_size", &s.codebook_size},
                                                             {"channels", &s.channels},
                                                             {"max_model_len", &s.max_model_len},
                                                             {"chunk_frames", &s.chunk_frames}})
      known[key] = [this, to](const YAML::Node& n, const std::string& k) { *to = positive(n, k); };
    known["upsampling"] = [&](const YAML::Node& n, const std::string& k) {
      s.upsampling = numbers(n, k);
    };
    map(node, "model_shape", known);
    if (s.heads % s.kv_heads != 0)
      refuse(node, "kv_heads", std::to_string(s.kv_heads),
             "a divisor of heads (" + std::to_string(s.heads) + ")");
    if (s.head_dim % 2 != 0) refuse(node, "head_dim", std::to_string(s.head_dim), "an even number");
    return s;
  }

  // Opens the model and takes the shape from it. max_model_len of the config is applied later.
  void set_model(const YAML::Node& node, const std::string& name, StageConfig& s) const {
    auto opened = ModelFile::open(find_model(name, std::filesystem::path(file).parent_path()));
    if (!opened) {
      const bool fetchable = opened.error().code == ErrorCode::not_found &&
                             name.find_first_of("/.") == std::string::npos;
      refuse(node, "model", "'" + name + "'",
             "a model that can be read: " + opened.error().message +
                 (fetchable
                      ? " (`limelight fetch " + name + "` downloads it, if that command knows it)"
                      : ""));
    }
    stages::set_model(*opened, s);
    const ModelSpec& spec = s.model->spec();
    // These two matrices are split by columns, and a block of weights cannot be divided.
    const int tp = s.tensor_parallel_size;
    for (const auto& [tensor, width] : {std::pair("layers.0.o_proj", spec.heads * spec.head_dim),
                                        std::pair("layers.0.down_proj", spec.mlp)}) {
      const int values = static_cast<int>(block_format(s.model->find(tensor)->type).values);
      if (width % tp != 0 || width / tp % values != 0)
        refuse(node, "tensor_parallel_size", std::to_string(tp),
               "one that splits " + std::to_string(width) + " columns of " + tensor +
                   " into whole blocks of " + std::to_string(values));
    }
  }

  StageConfig stage(const YAML::Node& node) const {
    StageConfig s;
    s.stage_id = -1;
    std::string model;
    YAML::Node model_at, sampling_at(YAML::NodeType::Map);
    bool dummy = false;
    int max_model_len = 0;
    const Handler ignore_text = [&](auto& n, auto& k) { as<std::string>(n, k, "a word"); };
    map(node, "stage_args",
        {{"stage_id",
          [&](auto& n, auto& k) {
            s.stage_id = as<int>(n, k, "a whole number, 0 or more");
            if (s.stage_id < 0) refuse(n, k, show(n), "a whole number, 0 or more");
          }},
         {"stage_type", ignore_text},
         {"runtime",
          [&](auto& n, auto&) {
            map(n, "runtime",
                {{"process",
                  [&](auto& v, auto& k) {
                    if (!as<bool>(v, k, "true"))
                      refuse(v, k, "false", "true: every rank is a process");
                  }},
                 {"devices",
                  [&](auto& v, auto& k) {
                    s.devices = as<std::string>(v, k, "a device");
                    if (!is_device_wish(s.devices))
                      refuse(v, k, show(v), "cpu, auto, cuda:<n>, or numbers of GPUs such as 0,1");
                  }},
                 {"max_batch_size",
                  [&](auto& v, auto& k) { s.max_batch_size = positive(v, k, most_requests); }}});
          }},
         {"engine_args",
          [&](auto& n, auto&) {
            map(n, "engine_args",
                {{"model_stage",
                  [&](auto& v, auto& k) {
                    s.model_stage = as<std::string>(v, k, "a word");
                    if (find_stage_type(s.model_stage) == nullptr)
                      refuse(v, k, show(v), "one of " + stage_type_names());
                  }},
                 {"model_arch", ignore_text},
                 {"engine_output_type", ignore_text},
                 {"load_format",
                  [&](auto& v, auto& k) {
                    const std::string word = as<std::string>(v, k, "a word");
                    if (word != "dummy" && word != "auto" && word != "gguf" &&
                        word != "safetensors")
                      refuse(v, k, show(v), "dummy, auto, gguf or safetensors");
                    dummy = word == "dummy";
                  }},
                 {"model",
                  [&](auto& v, auto& k) {
                    model = as<std::string>(
                        v, k, "a file, a folder, or the name of a model that was fetched");
                    model_at = v;
                  }},
                 {"max_model_len", [&](auto& v, auto& k) { max_model_len = positive(v, k); }},
                 {"cpu_threads", [&](auto& v, auto& k) { s.cpu.threads = positive(v, k, 256); }},
                 {"activations",
                  [&](auto& v, auto& k) {
                    const std::string word = as<std::string>(v, k, "a word");
                    if (word != "int8" && word != "float32" && word != "bfloat16")
                      refuse(v, k, show(v), "int8, float32 or bfloat16");
                    s.cpu.activations = word == "int8"      ? Activations::int8
                                        : word == "float32" ? Activations::float32
                                                            : Activations::bfloat16;
                  }},
                 {"dtype",
                  [&](auto& v, auto& k) {
                    const std::string word = as<std::string>(v, k, "a word");
                    if (word != "float32" && word != "bfloat16")
                      refuse(v, k, show(v), "float32 or bfloat16");
                    s.dtype = word == "float32" ? ipc::DType::float32 : ipc::DType::bfloat16;
                  }},
                 {"weights_seed",
                  [&](auto& v, auto& k) {
                    s.weights_seed = as<std::uint64_t>(v, k, "a whole number, 0 or more");
                  }},
                 {"tensor_parallel_size",
                  [&](auto& v, auto& k) { s.tensor_parallel_size = positive(v, k, 16); }},
                 {"max_num_seqs",
                  [&](auto& v, auto& k) { s.max_batch_size = positive(v, k, most_requests); }},
                 {"max_num_batched_tokens",
                  [&](auto& v, auto& k) { s.max_num_batched_tokens = positive(v, k); }},
                 {"block_size",
                  [&](auto& v, auto& k) { s.cache.block_size = positive(v, k, 256); }},
                 {"num_gpu_blocks_override",
                  [&](auto& v, auto& k) { s.cache.blocks = positive(v, k, 1 << 24); }},
                 {"kv_cache_memory_bytes",
                  [&](auto& v, auto& k) {
                    s.cache.bytes = as<std::uint64_t>(v, k, "a whole number of bytes");
                    if (s.cache.bytes == 0) refuse(v, k, show(v), "1 byte or more");
                  }},
                 {"gpu_memory_utilization",
                  [&](auto& v, auto& k) {
                    s.cache.memory_fraction = as<double>(v, k, "a number above 0, 1 at most");
                    if (!(s.cache.memory_fraction > 0 && s.cache.memory_fraction <= 1))
                      refuse(v, k, show(v), "a number above 0, 1 at most");
                  }},
                 {"enable_prefix_caching",
                  [&](auto& v, auto& k) {
                    s.cache.share_prefixes = as<bool>(v, k, "true or false");
                  }},
                 {"model_shape", [&](auto& v, auto&) { s.shape = shape(v); }}});
          }},
         {"engine_input_source", [&](auto& n, auto& k) { s.engine_input_source = numbers(n, k); }},
         {"final_output",
          [&](auto& n, auto& k) { s.final_output = as<bool>(n, k, "true or false"); }},
         {"final_output_type",
          [&](auto& n, auto& k) {
            s.final_output_type = as<std::string>(n, k, "text or audio");
            if (s.final_output_type != "text" && s.final_output_type != "audio")
              refuse(n, k, show(n), "text or audio");
          }},
         {"is_comprehension", [&](auto& n, auto& k) { as<bool>(n, k, "true or false"); }},
         {"default_sampling_params", [&](auto& n, auto&) { sampling_at = n; }}});
    if (s.stage_id < 0) refuse(node, "stage_id", "no such key", "a whole number, 0 or more");
    if (s.model_stage.empty())
      refuse(node, "model_stage", "no such key", "one of " + stage_type_names());
    const StageType& type = *find_stage_type(s.model_stage);
    if (!model.empty() && !dummy) {
      if (!type.loads_models)
        refuse(model_at, "model", "'" + model + "'",
               "no model: a " + s.model_stage + " cannot load one, it has dummy weights");
      set_model(model_at, model, s);
      s.sampling = s.model->sampling();
    }
    s.sampling = sampling(sampling_at, s.sampling);
    if (max_model_len > 0)
      s.shape.max_model_len =
          std::min(max_model_len, s.model ? s.shape.max_model_len : max_model_len);
    else if (s.model) s.shape.max_model_len = std::min(s.shape.max_model_len, usual_model_len);
    const int tp = s.tensor_parallel_size;
    if (s.max_num_batched_tokens < s.max_batch_size)
      refuse(node, "max_num_batched_tokens", std::to_string(s.max_num_batched_tokens),
             "max_batch_size (" + std::to_string(s.max_batch_size) +
                 ") or more: each request of a step has a token");
    if (tp > 1 && !type.splits)
      refuse(node, "tensor_parallel_size", std::to_string(tp),
             "1: a " + s.model_stage + " cannot be split over ranks");
    if (s.shape.kv_heads % tp != 0 || s.shape.mlp % tp != 0)
      refuse(node, "tensor_parallel_size", std::to_string(tp), "a divisor of kv_heads and mlp");
    const std::uint64_t needed = longest_sequence_bytes(s);
    const int blocks = (s.shape.max_model_len + s.cache.block_size - 1) / s.cache.block_size;
    if (s.cache.blocks > 0 && s.cache.blocks < blocks)
      refuse(node, "num_gpu_blocks_override", std::to_string(s.cache.blocks),
             std::to_string(blocks) + " or more: a sequence of max_model_len " +
                 std::to_string(s.shape.max_model_len) + " takes as many");
    if (s.cache.bytes > 0 && s.cache.bytes < needed)
      refuse(node, "kv_cache_memory_bytes", std::to_string(s.cache.bytes),
             std::to_string(needed) + " or more: a sequence of max_model_len " +
                 std::to_string(s.shape.max_model_len) + " takes as many");
    return s;
  }

  // An edge as the file has it.
  struct EdgeText {
    std::string output, input;  // names of ports; empty: none was named
    YAML::Node at;
  };

  // Finds the ports of each edge. An edge that names none joins the only pair that carries the
  // same.
  void connect(PipelineConfig& config, const std::vector<EdgeText>& texts) const {
    for (std::size_t i = 0; i < config.edges.size(); ++i) {
      Edge& edge = config.edges[i];
      const EdgeText& text = texts[i];
      const StageType &from = *find_stage_type(config.find(edge.from)->model_stage),
                      &to = *find_stage_type(config.find(edge.to)->model_stage);
      std::vector<std::pair<int, int>> pairs;
      for (std::size_t o = 0; o < from.outputs.size(); ++o)
        for (std::size_t in = 0; in < to.inputs.size(); ++in)
          if (from.outputs[o].carries == to.inputs[in].carries &&
              (text.output.empty() || text.output == from.outputs[o].name) &&
              (text.input.empty() || text.input == to.inputs[in].name))
            pairs.emplace_back(static_cast<int>(o), static_cast<int>(in));
      if (pairs.size() != 1)
        refuse(text.at, "edges",
               std::to_string(pairs.size()) + " ways to join stage " + std::to_string(edge.from) +
                   " (" + from.name + ": " + ports_of(from.outputs) + ") to stage " +
                   std::to_string(edge.to) + " (" + to.name + ": " + ports_of(to.inputs) + ")",
               pairs.empty() ? "an output and an input that carry the same"
                             : "from_port and to_port, to say which");
      std::tie(edge.output, edge.input) = pairs.front();
    }
  }
  static std::string ports_of(const std::vector<PortType>& ports) {
    std::string names;
    for (const PortType& port : ports)
      names += (names.empty() ? "" : ", ") + port.name +
               (port.name == port.carries ? "" : " with " + port.carries);
    return names.empty() ? "no port" : names;
  }

  // Every input of a stage has one edge, and what comes through it can be read.
  void check_inputs(const YAML::Node& at,
                    const StageConfig& s,
                    const PipelineConfig& config) const {
    const StageType& type = *find_stage_type(s.model_stage);
    std::vector<Feed> feeds;
    for (std::size_t in = 0; in < type.inputs.size(); ++in) {
      int edges = 0;
      for (const Edge& edge : config.edges)
        if (edge.to == s.stage_id && edge.input == static_cast<int>(in)) {
          ++edges;
          feeds.push_back({edge.input, config.find(edge.from)});
        }
      if (edges != 1)
        refuse(at, "engine_input_source",
               std::to_string(edges) + " edges into the input '" + type.inputs[in].name +
                   "' of a " + type.name,
               "exactly one");
    }
    const Result<void> checked = type.check ? type.check(s, feeds) : Result<void>();
    if (!checked)
      throw Refusal{file + ":" + std::to_string(at.Mark().line + 1) + ": key " +
                    checked.error().message};
  }

  // The output that goes to the user: the one that carries what final_output_type says, or the
  // only one that a user can read.
  void find_user_output(const YAML::Node& at, StageConfig& s) const {
    if (!s.final_output) return;
    const StageType& type = *find_stage_type(s.model_stage);
    std::vector<int> fitting;
    for (std::size_t o = 0; o < type.outputs.size(); ++o) {
      const std::string& carries = type.outputs[o].carries;
      if (s.final_output_type.empty() ? carries == "text" || carries == "audio"
                                      : carries == s.final_output_type)
        fitting.push_back(static_cast<int>(o));
    }
    if (fitting.size() != 1)
      refuse(at, "final_output_type",
             (s.final_output_type.empty() ? "no such key" : "'" + s.final_output_type + "'") +
                 std::string(" for a ") + type.name + " (" + ports_of(type.outputs) + ")",
             "what one of its outputs carries, text or audio");
    s.user_output = fitting.front();
    s.final_output_type = type.outputs[static_cast<std::size_t>(s.user_output)].carries;
  }

  void check_graph(const YAML::Node& root, PipelineConfig& config) const {
    std::map<int, std::set<int>> inputs;
    for (const Edge& edge : config.edges) inputs[edge.to].insert(edge.from);
    for (std::size_t i = 0; i < config.stages.size(); ++i) {
      StageConfig& s = config.stages[i];
      const YAML::Node at = root["stage_args"][i];
      const std::set<int> named(s.engine_input_source.begin(), s.engine_input_source.end());
      for (const int from : named) {
        if (config.find(from) == nullptr)
          refuse(at, "engine_input_source", std::to_string(from), "the id of a stage");
        if (!inputs[s.stage_id].contains(from))
          refuse(root["runtime"] ? root["runtime"] : root, "edges",
                 "no edge from " + std::to_string(from) + " to " + std::to_string(s.stage_id),
                 "an edge, because engine_input_source of stage " + std::to_string(s.stage_id) +
                     " names stage " + std::to_string(from));
      }
      check_inputs(at, s, config);
      find_user_output(at, s);
      const auto outputs = static_cast<int>(find_stage_type(s.model_stage)->outputs.size());
      for (int output = 0; output < outputs; ++output)
        if (output != s.user_output &&
            std::none_of(config.edges.begin(), config.edges.end(), [&](const Edge& edge) {
              return edge.from == s.stage_id && edge.output == output;
            }))
          s.unread_outputs.push_back(output);
    }
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
      refuse(root["runtime"]["edges"], "edges", "a cycle among stages" + left,
             "edges without a cycle");
    }
    config.stages = std::move(ordered);
  }

  PipelineConfig read() const {
    YAML::Node root;
    try {
      root = YAML::LoadFile(file);
    } catch (const YAML::BadFile&) {
      throw Refusal{};
    } catch (const YAML::ParserException& broken) {
      throw Refusal{file + ":" + std::to_string(broken.mark.line + 1) +
                    ": not YAML: " + broken.msg};
    }
    PipelineConfig config;
    config.file = file;
    std::vector<Edge> edges;
    std::vector<EdgeText> texts;
    int window = Edge{}.window_size;
    map(root, "the config",
        {{"stage_args",
          [&](auto& n, auto& k) {
            if (!n.IsSequence() || n.size() == 0) refuse(n, k, show(n), "a list of stages");
            for (const auto& item : n) {
              config.stages.push_back(stage(item));
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
                 {"defaults",
                  [&](auto& v, auto&) {
                    map(v, "defaults",
                        {{"window_size",
                          [&](auto& x, auto& k) { window = positive(x, k, most_window); }},
                         {"max_inflight",
                          [&](auto& x, auto& k) { config.max_inflight = positive(x, k, 1024); }}});
                  }},
                 {"edges", [&](auto& v, auto& k) {
                    if (!v.IsSequence()) refuse(v, k, show(v), "a list of edges");
                    for (const auto& item : v) {
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
    for (std::size_t i = 0; i < edges.size(); ++i) {
      const Edge& e = edges[i];
      for (const int end : {e.from, e.to})
        if (config.find(end) == nullptr)
          refuse(texts[i].at, "edges", "stage " + std::to_string(end), "the id of a stage");
      config.edges.push_back(e);
      if (e.window_size == 0) config.edges.back().window_size = window;
    }
    connect(config, texts);
    check_graph(root, config);
    return config;
  }
};

}  // namespace

Result<PipelineConfig> parse(const std::filesystem::path& file) {
  try {
    return Reader{file.string()}.read();
  } catch (const Refusal& refusal) {
    if (refusal.text.empty())
      return Error{ErrorCode::not_found, file.string() + ": cannot read the stage config"};
    return Error{ErrorCode::invalid_argument, refusal.text};
  } catch (const YAML::Exception& broken) {
    return Error{ErrorCode::invalid_argument,
                 file.string() + ":" + std::to_string(broken.mark.line + 1) + ": " + broken.msg};
  }
}

void set_model(std::shared_ptr<const ModelFile> model, StageConfig& config) {
  const ModelSpec& spec = model->spec();
  ModelShape& shape = config.shape;
  shape.layers = spec.layers;
  shape.hidden = spec.hidden;
  shape.heads = spec.heads;
  shape.kv_heads = spec.kv_heads;
  shape.head_dim = spec.head_dim;
  shape.mlp = spec.mlp;
  shape.vocab = spec.vocab;
  shape.max_model_len = spec.context;
  shape.rms_eps = spec.rms_eps;
  shape.rope_interleaved = spec.rope_interleaved;
  shape.rope_frequencies.clear();
  for (int i = 0; i < spec.head_dim / 2; ++i) {
    const double frequency =
        std::pow(static_cast<double>(spec.rope_base), -2.0 * i / spec.head_dim);
    shape.rope_frequencies.push_back(static_cast<float>(
        frequency /
        (spec.rope_factors.empty() ? 1.0f : spec.rope_factors[static_cast<std::size_t>(i)])));
  }
  config.model = std::move(model);
}

int PipelineConfig::world_size() const {
  int sum = 0;
  for (const StageConfig& s : stages) sum += s.tensor_parallel_size;
  return sum;
}
const StageConfig* PipelineConfig::stage_of(int rank) const {
  for (const StageConfig& s : stages) {
    if (rank >= 0 && rank < s.tensor_parallel_size) return &s;
    rank -= s.tensor_parallel_size;
  }
  return nullptr;
}
int PipelineConfig::first_rank(int stage_id) const {
  int rank = 0;
  for (const StageConfig& s : stages) {
    if (s.stage_id == stage_id) break;
    rank += s.tensor_parallel_size;
  }
  return rank;
}
const StageConfig* PipelineConfig::find(int stage_id) const {
  for (const StageConfig& s : stages)
    if (s.stage_id == stage_id) return &s;
  return nullptr;
}

}  // namespace limelight::stages
