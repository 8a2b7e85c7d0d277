#include "stages/config_stage.hpp"

#include <algorithm>
#include <type_traits>

#include "stages/config_plugin.hpp"
#include "stages/devices/device.hpp"
#include "stages/models/kv_cache.hpp"
#include "stages/models/model_file.hpp"
#include "stages/models/sampling_params.hpp"
#include "stages/registry.hpp"

namespace limelight::stages {

namespace {

// The default of max_model_len for a model from files. The model's own limit can need more shared
// memory than a machine has.
constexpr int usual_model_len = 2048;
constexpr int most_requests = 256;  // in one step of a stage
constexpr int most_replicas = 64;
constexpr int most_frames = 1 << 20;  // in one chunk

struct StageReader : YamlReader {
  std::filesystem::path rank_executable = {};
  OpenedModel opened_model = {};

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
    std::map<std::string, Handler> known{
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
        {"stop_token_ids", in_range([&](auto& n, auto& k) { p.stop_token_ids = numbers(n, k); })}};
    for_each_number(p, [&](const char* name, auto& to) {
      known[name] = in_range([this, &to](auto& n, auto& k) {
        if constexpr (std::is_same_v<decltype(to), float&>) to = as<float>(n, k, "a number");
        else to = as<int>(n, k, "a whole number");
      });
    });
    map(node, "default_sampling_params", known);
    return params;
  }

  // The networks of dummy models.
  void shape(const YAML::Node& node, DecoderShape& s, CodecShape& codec) const {
    std::map<std::string, Handler> known;
    for (const auto& [key, to] : std::initializer_list<std::pair<const char*, int*>>{
             {"layers", &s.layers},
             {"hidden", &s.hidden},
             {"heads", &s.heads},
             {"kv_heads", &s.kv_heads},
             {"head_dim", &s.head_dim},
             {"mlp", &s.mlp},
             {"vocab", &s.vocab},
             {"max_model_len", &s.max_model_len},
             {"input_hidden", &codec.input_hidden},
             {"codebooks", &codec.codebooks},
             {"codebook_size", &codec.codebook_size},
             {"channels", &codec.channels},
             {"chunk_frames", &codec.chunk_frames}})
      known[key] = [this, into = to](const YAML::Node& n, const std::string& k) {
        *into = positive(n, k);
      };
    known["upsampling"] = [&](const YAML::Node& n, const std::string& k) {
      codec.upsampling = numbers(n, k);
    };
    map(node, "model_shape", known);
    if (s.heads % s.kv_heads != 0)
      refuse(node, "kv_heads", std::to_string(s.kv_heads),
             "a divisor of heads (" + std::to_string(s.heads) + ")");
    if (s.head_dim % 2 != 0) refuse(node, "head_dim", std::to_string(s.head_dim), "an even number");
  }

  // Opens the model and takes the shape from it. max_model_len of the config is applied later.
  void set_model(const YAML::Node& node, const std::string& name, StageConfig& s) const {
    const auto refuse_model = [&](const Error& error) {
      const bool fetchable =
          error.code == ErrorCode::not_found && name.find_first_of("/.") == std::string::npos;
      refuse(node, "model", "'" + name + "'",
             "a model that can be read: " + error.message +
                 (fetchable
                      ? " (`limelight fetch " + name + "` downloads it, if that command knows it)"
                      : ""));
    };
    const auto path = find_model(name, std::filesystem::path(file).parent_path());
    if (const auto& open = type_of(s).open_model) {
      if (const auto opened = open(path, s); !opened) refuse_model(opened.error());
      return;
    }
    const bool open = opened_model.file && opened_model.name == name && s.model_stage == "thinker";
    auto opened = open ? Result<std::shared_ptr<const ModelFile>>(opened_model.file)
                       : ModelFile::open(path, s.model_stage);
    if (!opened) refuse_model(opened.error());
    stages::set_model(*opened, s);
    // The matrices that are split by columns: a block of weights cannot be divided.
    const int tp = s.tensor_parallel_size;
    const DecoderShape& shape = s.shape;
    std::vector<std::pair<std::string, int>> split;
    for (int l = 0; l < shape.layers; ++l) {
      const std::string at = "layers." + std::to_string(l) + ".";
      split.emplace_back(at + "o_proj", shape.heads * shape.head_dim);
      if (!shape.layer(l).experts) split.emplace_back(at + "down_proj", shape.mlp);
      else split.emplace_back(at + "experts.0.down_proj", shape.experts.mlp);
      if (shape.layer(l).experts && shape.experts.shared_mlp > 0)
        split.emplace_back(at + "shared_expert.down_proj", shape.experts.shared_mlp);
    }
    for (const auto& [tensor, width] : split) {
      const int values = static_cast<int>(block_format(s.model->find(tensor)->type).values);
      if (width % tp != 0 || width / tp % values != 0)
        refuse(node, "tensor_parallel_size", std::to_string(tp),
               "one that splits " + std::to_string(width) + " columns of " + tensor +
                   " into whole blocks of " + std::to_string(values));
    }
  }

  void environment(const YAML::Node& node, std::map<std::string, std::string>& env) const {
    if (!node.IsMap()) refuse(node, "env", show(node), "a map of names to texts");
    for (const auto& item : node) {
      const std::string name = as<std::string>(item.first, "env", "a name");
      if (name.empty() || name.find('=') != std::string::npos)
        refuse(item.first, "env", "'" + name + "'", "the name of an environment variable");
      env[name] = as<std::string>(item.second, name, "a text");
    }
  }

  void chunk(const YAML::Node& n, const std::string& key, CodecChunks& chunks) const {
    const auto frames = [&](int least) {
      const int value = as<int>(n, key, "a whole number of frames");
      if (value < least || value > most_frames)
        refuse(
            n, key, show(n),
            "a whole number from " + std::to_string(least) + " to " + std::to_string(most_frames));
      return value;
    };
    if (key == "codec_chunk_frames") chunks.codec_chunk_frames = frames(1);
    else if (key == "initial_codec_chunk_frames") chunks.initial_codec_chunk_frames = frames(0);
    else if (key == "codec_left_context_frames") chunks.codec_left_context_frames = frames(0);
    else if (key == "codec_chunk_adaptive") {
      if (as<bool>(n, key, "false"))
        refuse(n, key, "true", "false: the sizes of chunks do not follow the load");
    } else {
      chunks.codec_chunk_ramp = numbers(n, key);
      for (const int value : chunks.codec_chunk_ramp)
        if (value < 1 || value > most_frames)
          refuse(n, key, std::to_string(value),
                 "whole numbers from 1 to " + std::to_string(most_frames));
    }
  }

  // Sizes the KV cache by what the weights leave of a rank's memory, unless the config states its
  // size.
  void keep_within(std::uint64_t memory, const YAML::Node& at, StageConfig& s) const {
    if (s.plugin)
      refuse(at, "memory_bytes", std::to_string(memory),
             "none: what a plug-in takes is not known here");
    const auto ranks = static_cast<std::uint64_t>(s.tensor_parallel_size);
    const std::uint64_t weights =
        (s.model ? s.model->weight_bytes() : type_of(s).weight_bytes(s)) / ranks;
    const std::uint64_t longest = longest_sequence_bytes(s);
    const int each = (s.shape.max_model_len + s.cache.block_size - 1) / s.cache.block_size;
    std::uint64_t cache = longest * static_cast<std::uint64_t>(s.max_batch_size);
    const bool stated = s.cache.bytes > 0 || s.cache.blocks > 0;
    if (s.cache.bytes > 0) cache = s.cache.bytes;
    if (s.cache.blocks > 0)
      cache =
          longest / static_cast<std::uint64_t>(each) * static_cast<std::uint64_t>(s.cache.blocks);
    const std::uint64_t least = weights + (stated ? cache : longest);
    if (memory < least)
      refuse(at, "memory_bytes", std::to_string(memory),
             std::to_string(least) + " or more: " + std::to_string(weights) +
                 " for the weights of a rank and " + std::to_string(least - weights) + " for " +
                 (stated ? "the KV cache that the config asks for"
                         : "the KV cache of one sequence of max_model_len " +
                               std::to_string(s.shape.max_model_len)));
    if (!stated && weights + cache > memory) s.cache.bytes = memory - weights;
  }

  ProfilerConfig profiler(const YAML::Node& node) const {
    ProfilerConfig p;
    bool has_active = false;
    const auto steps = [&](std::uint64_t& to) -> Handler {
      return [this, &to](auto& n, auto& k) {
        constexpr std::uint64_t most = 1'000'000'000'000;
        to = as<std::uint64_t>(n, k, "a whole number of steps");
        if (to > most) refuse(n, k, show(n), "0 to " + std::to_string(most));
      };
    };
    const auto flag = [&](bool& to) -> Handler {
      return [this, &to](auto& n, auto& k) { to = as<bool>(n, k, "true or false"); };
    };
    map(node, "profiler_config",
        {{"delay_iterations", steps(p.delay_iterations)},
         {"max_iterations", steps(p.max_iterations)},
         {"wait_iterations", steps(p.wait_iterations)},
         {"warmup_iterations", steps(p.warmup_iterations)},
         {"active_iterations",
          [&](auto& n, auto& k) {
            has_active = true;
            steps(p.active_iterations)(n, k);
          }},
         {"repeat", steps(p.repeat)},
         {"torch_profiler_record_shapes", flag(p.record_shapes)},
         {"torch_profiler_with_flops", flag(p.with_flops)},
         {"torch_profiler_with_stack", flag(p.with_stack)},
         {"torch_profiler_with_memory", flag(p.with_memory)},
         {"detail", [this, &p](auto& n, auto& k) {
            p.detail = as<std::string>(n, k, "step, block or op");
            if (p.detail != "step" && p.detail != "block" && p.detail != "op")
              refuse(n, k, show(n), "step, block or op");
          }}});
    // vLLM's own number, where steps are waited for and it is not said how many are recorded.
    if (!has_active && (p.wait_iterations > 0 || p.warmup_iterations > 0 || p.repeat != 1))
      p.active_iterations = 5;
    if (p.active_iterations == 0 && p.repeat != 1)
      refuse(node, "repeat", std::to_string(p.repeat), "1 where active_iterations is 0");
    return p;
  }

  StageConfig stage(const YAML::Node& node) const {
    StageConfig s;
    s.stage_id = -1;
    std::string model;
    YAML::Node model_at, sampling_at(YAML::NodeType::Map);
    bool dummy = false;
    int max_model_len = 0;
    std::uint64_t memory = 0;
    YAML::Node memory_at;
    KeptKeys kept;
    YAML::Node chunks_at;
    const Handler chunks = [&](auto& n, auto& k) {
      chunks_at.reset(n);
      chunk(n, k, s.chunks);
    };
    const Handler keep = [&](auto& n, auto& k) { kept.emplace(k, n); };
    const Handler ignore_text = [&](auto& n, auto& k) { as<std::string>(n, k, "a word"); };
    map(node, "stage_args",
        {{"stage_id",
          [&](auto& n, auto& k) {
            s.stage_id = as<int>(n, k, "a whole number, 0 or more");
            if (s.stage_id < 0) refuse(n, k, show(n), "a whole number, 0 or more");
          }},
         {"stage_type", keep},
         {"library", keep},
         {"options", keep},
         {"node", [](auto&, auto&) {}},  // see config_nodes.hpp
         {"num_replicas",
          [&](auto& n, auto& k) { s.num_replicas = positive(n, k, most_replicas); }},
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
                 {"env", [&](auto& v, auto&) { environment(v, s.env); }},
                 {"max_batch_size",
                  [&](auto& v, auto& k) { s.max_batch_size = positive(v, k, most_requests); }}});
          }},
         {"engine_args",
          [&](auto& n, auto&) {
            map(n, "engine_args",
                {{"model_stage",
                  [&](auto& v, auto& k) {
                    s.model_stage = as<std::string>(v, k, "a word");
                    keep(v, k);
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
                 {"speaker",
                  [&](auto& v, auto& k) { s.speaker = as<std::string>(v, k, "a speaker's name"); }},
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
                 {"memory_bytes",
                  [&](auto& v, auto& k) {
                    memory = as<std::uint64_t>(v, k, "a whole number of bytes");
                    memory_at = v;
                    if (memory == 0) refuse(v, k, show(v), "1 byte or more");
                  }},
                 {"enable_prefix_caching",
                  [&](auto& v, auto& k) {
                    s.cache.share_prefixes = as<bool>(v, k, "true or false");
                  }},
                 {"codec_chunk_frames", chunks},
                 {"initial_codec_chunk_frames", chunks},
                 {"codec_left_context_frames", chunks},
                 {"codec_chunk_ramp", chunks},
                 {"codec_chunk_adaptive", chunks},
                 {"model_shape", [&](auto& v, auto&) { shape(v, s.shape, s.codec); }}});
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
         {"profiler_config", [&](auto& n, auto&) { s.profiler = profiler(n); }},
         {"default_sampling_params", [&](auto& n, auto&) { sampling_at = n; }}});
    if (s.stage_id < 0) refuse(node, "stage_id", "no such key", "a whole number, 0 or more");
    choose_type(*this, node, kept, rank_executable, s);
    if (!model.empty() && !dummy) {
      const bool maybe = s.plugin == nullptr && has_type_by_model(s.model_stage);
      if (!type_of(s).loads_models && !maybe)
        refuse(model_at, "model", "'" + model + "'",
               "no model: a " + s.model_stage + " cannot load one, it has dummy weights");
      set_model(model_at, model, s);
      if (s.model) s.sampling = s.model->sampling();
    }
    if (chunks_at.IsDefined() && !chunks_at.IsNull() && !type_of(s).reads_chunks)
      refuse(chunks_at, "codec_chunk_frames", show(chunks_at),
             "none of its keys: a " + s.model_stage +
                 (has_type_by_model(s.model_stage) ? " with dummy weights" : "") +
                 " has chunks of its own size");
    s.sampling = sampling(sampling_at, s.sampling);
    if (max_model_len > 0)
      s.shape.max_model_len =
          std::min(max_model_len,
                   s.model || s.code2wav || s.token2wav ? s.shape.max_model_len : max_model_len);
    else if (s.model) s.shape.max_model_len = std::min(s.shape.max_model_len, usual_model_len);
    const int tp = s.tensor_parallel_size;
    if (s.max_num_batched_tokens < s.max_batch_size)
      refuse(node, "max_num_batched_tokens", std::to_string(s.max_num_batched_tokens),
             "max_batch_size (" + std::to_string(s.max_batch_size) +
                 ") or more: each request of a step has a token");
    if (tp > 1 && !type_of(s).splits)
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
    if (memory > 0) keep_within(memory, memory_at, s);
    return s;
  }
};

}  // namespace

StageConfig read_stage(const YamlReader& reader,
                       const YAML::Node& node,
                       const std::filesystem::path& rank_executable,
                       const OpenedModel& opened) {
  return StageReader{reader, rank_executable, opened}.stage(node);
}

}  // namespace limelight::stages
