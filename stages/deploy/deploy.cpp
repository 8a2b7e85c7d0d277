#include "stages/deploy/deploy.hpp"

#include <algorithm>
#include <optional>

#include "base/whole_number.hpp"
#include "stages/deploy/merge.hpp"
#include "stages/devices/device.hpp"
#include "stages/models/model_file.hpp"

namespace limelight::stages::deploy {

namespace fs = std::filesystem;

namespace {

constexpr int most_requests = 256;  // in one step of a stage
constexpr int usual_requests = 4;   // the same, where nobody states it
constexpr int most_in_flight = 1024;

// The number of a GPU in a list that was checked before, maybe between spaces.
int gpu_number(std::string word) {
  std::erase(word, ' ');
  return whole_number<int>(word, 0).value_or(0);
}

// The device that a list such as "cpu", "auto", "0,1" or "cuda:0" begins with; none: the CPU.
std::optional<int> first_gpu(const std::string& devices, bool& must) {
  const std::string first = devices.substr(0, devices.find(','));
  must = first.starts_with("cuda:");
  if (first == "cpu") return std::nullopt;
  if (first == "auto") return 0;
  return gpu_number(must ? first.substr(5) : first);
}

// "0,1" for two replicas of two ranks: the second replica has the next two GPUs.
std::string spread(const Value& devices, int replicas, int ranks) {
  const std::string& text = devices.text;
  if (replicas == 1 || text.find_first_not_of("0123456789, ") != std::string::npos) return text;
  std::vector<int> each;
  for (std::size_t at = 0; at <= text.size();) {
    const std::size_t end = std::min(text.find(',', at), text.size());
    each.push_back(gpu_number(text.substr(at, end - at)));
    at = end + 1;
  }
  const auto wanted = static_cast<std::size_t>(replicas) * static_cast<std::size_t>(ranks);
  if (each.size() == wanted) return text;
  const bool in_range = std::all_of(each.begin(), each.end(), [&](int gpu) { return gpu < ranks; });
  if (each.size() != static_cast<std::size_t>(ranks) || !in_range)
    refuse(devices.place, "devices", devices.show(),
           std::to_string(wanted) + " numbers of GPUs for " + std::to_string(replicas) +
               " replicas, or the first " + std::to_string(ranks) + " for the first replica");
  std::string all;
  for (int replica = 0; replica < replicas; ++replica)
    for (const int gpu : each)
      all += (all.empty() ? "" : ",") + std::to_string(replica * ranks + gpu);
  return all;
}

struct Writer {
  std::string text;
  std::vector<std::string> places;
  void line(const std::string& line, const std::string& place) {
    text += line + '\n';
    places.push_back(place);
  }
};

std::string in_quotes(const std::string& text) {
  return to_flow({.kind = Value::Kind::scalar, .text = text, .quoted = true});
}

// A number as all readers understand it: without the underscores of YAML 1.1.
Value as_plain(const Key& key, const Value& value) {
  Value plain = value;
  if (key.type == Type::whole)
    plain.text = std::to_string(as_integer(value, key.name, key.least, key.most));
  if (key.type == Type::whole || key.type == Type::number || key.type == Type::boolean)
    plain.quoted = false;
  return plain;
}

// What Python makes a text of a variable's value of.
std::string as_variable(const Value& value) {
  if (value.quoted) return value.text;
  if (value.text == "true" || value.text == "false") return value.text == "true" ? "True" : "False";
  return value.text;
}

struct Resolver {
  const Wish& wish;
  Resolved out = {};
  Writer writer = {};
  Value root = {.kind = Value::Kind::map};
  Value overrides = {.kind = Value::Kind::map};
  Topology topology = {};
  int in_flight = usual_requests;
  std::optional<std::pair<std::string, std::string>> profile_dir = {};  // and its place
  bool has_gpu[64] = {};
  bool asked_gpu[64] = {};

  bool gpu_is_there(int index) {
    if (index < 0 || index >= 64) return static_cast<bool>(make_cuda_device(index));
    if (!std::exchange(asked_gpu[index], true))
      has_gpu[index] = static_cast<bool>(make_cuda_device(index));
    return has_gpu[index];
  }

  // What the model is: the config says it by a key, the model by its files, and a file that
  // vLLM-Omni brings by its name.
  void choose_topology(const std::vector<fs::path>& files, const Topology* instead) {
    if (instead != nullptr) {
      topology = *instead;
      return;
    }
    const Value* stated = root.find("pipeline");
    if (stated != nullptr && !stated->null()) {
      const auto found = find_topology(as_text(*stated, "pipeline"));
      if (!found) throw Refused{stated->place + ": " + not_supported(stated->text)};
      topology = *found;
    } else {
      for (const fs::path& file : files) {
        const std::string kind = kind_by_file_name(file);
        if (kind.empty()) continue;
        if (!find_topology(kind)) throw Refused{file.string() + ": " + not_supported(kind)};
        break;
      }
    }
    if (wish.model.empty())
      throw Refused{wish.config.string() + ": found no model, expected one: pass --model with it"};
    auto of_model = topology_of(wish.model);
    if (!of_model)
      throw Refused{of_model.error().message, of_model.error().code == ErrorCode::not_found};
    if (topology.stages.empty()) topology = std::move(of_model).value();
  }

  std::string platform_of(const Value& stage) {
    const Value* devices = stage.find("devices");
    if (devices == nullptr || devices->null()) return "cpu";
    bool must = false;
    const auto gpu = first_gpu(devices->text, must);
    return gpu && (must || gpu_is_there(*gpu)) ? "cuda" : "cpu";
  }

  // The keys of a stage after all merging.
  Value stage_of(int id) {
    Value stage{.kind = Value::Kind::map,
                .place = wish.config.empty() ? wish.model.string() : wish.config.string()};
    const Value* stated = find_stage(root.find("stages"), id);
    if (stated != nullptr) stage = flat_stage(*stated);
    const auto without_spaces = [](Value& map) {
      if (Value* devices = map.find("devices")) std::erase(devices->text, ' ');
    };
    const Value* platforms = root.find("platforms");
    const bool either = platforms != nullptr &&
                        (platforms->find("cpu") != nullptr || platforms->find("cuda") != nullptr);
    const Value mine = overrides_of(overrides, id);
    if (either) {
      // --stage-overrides may move the stage to another device.
      Value moved = merged(stage, mine);
      without_spaces(moved);
      const std::string name = platform_of(moved);
      if (const Value* platform = platforms->find(name); platform != nullptr) {
        settle_members(platform_keys, *platform);
        const Value* over = find_stage(platform->find("stages"), id);
        if (over != nullptr && stated == nullptr)
          out.ignored.add("platforms." + name + ".stages[" + std::to_string(id) + "]",
                          "`stages` has no such stage", over->place);
        else if (over != nullptr) apply_platform(*over, stage);
      }
    }
    stage = merged(stage, mine);
    without_spaces(stage);
    apply_top_level(root, stage);
    return stage;
  }

  void settle_members(const KeyTable& table, const Value& map) {
    for (std::size_t i = 0; i < map.members.size(); ++i) {
      const auto& [name, value] = map.members[i];
      settle(*table.find(name), value, map.member_places[i], out.ignored);
    }
  }

  void write_sampling(const Value& stage, const TopologyStage& row, const std::string& place) {
    const Value* stated = stage.find("default_sampling_params");
    writer.line("    default_sampling_params:", place);
    Value params = read_json(row.sampling, place);
    if (row.max_tokens && !(out.model && out.model->sampling().max_tokens))
      params.set("max_tokens",
                 {.kind = Value::Kind::scalar, .text = std::to_string(*row.max_tokens)}, place);
    if (stated != nullptr && stated->is_map()) {
      settle_members(sampling_keys, *stated);
      for (std::size_t i = 0; i < stated->members.size(); ++i) {
        const auto& [name, value] = stated->members[i];
        const Key& key = *sampling_keys.find(name);
        if (!value.null() && key.effect == Effect::obeyed)
          params.set(name, as_plain(key, value), stated->member_places[i]);
      }
    }
    for (std::size_t i = 0; i < params.members.size(); ++i)
      writer.line("      " + params.members[i].first + ": " + to_flow(params.members[i].second),
                  params.member_places[i]);
    if (params.members.empty()) {
      writer.text.pop_back();
      writer.text += " {}\n";
    }
  }

  // The keys of steps and detail, under their own names.
  void write_profiler(const Value* stated) {
    if (stated == nullptr || !stated->is_map()) return;
    const Value& config = *stated;
    bool any = false;
    for (std::size_t i = 0; i < config.members.size(); ++i) {
      const auto& [name, value] = config.members[i];
      const Key& key = *profiler_keys.find(name);
      if (value.null() || key.effect != Effect::obeyed || name == "torch_profiler_dir") continue;
      if (!std::exchange(any, true)) writer.line("    profiler_config:", config.place);
      writer.line("      " + name + ": " + to_flow(as_plain(key, value)), config.member_places[i]);
    }
  }

  void profiler(const Value& stage) {
    const Value* config = stage.find("profiler_config");
    if (config == nullptr || !config->is_map()) return;
    settle_members(profiler_keys, *config);
    const Value* dir = config->find("torch_profiler_dir");
    if (dir == nullptr || dir->null() || dir->text.empty()) return;
    std::error_code ignored;
    // Whoever writes traces knows what ~ is, and that a store is no folder.
    const bool as_it_is = dir->text.starts_with('~') || dir->text.find("://") != std::string::npos;
    const std::string folder = as_it_is ? dir->text : fs::absolute(dir->text, ignored).string();
    if (profile_dir && profile_dir->first != folder)
      refuse(dir->place, "torch_profiler_dir", dir->show(),
             "the folder of the other stages, '" + profile_dir->first + "'");
    profile_dir = {folder, dir->place};
  }

  // Of the connector of the edge that leaves the stage, else of the one that comes in: how many
  // frames of codes are in a chunk.
  const Value* connector_of(int from, int to) const {
    const auto named = [&](int id, const char* key, const std::string& end) -> const Value* {
      const Value* stage = find_stage(root.find("stages"), id);
      const Value* wiring = stage == nullptr ? nullptr : stage->find(key);
      return wiring == nullptr ? nullptr : wiring->find(end);
    };
    const Value* name = named(to, "input_connectors", "from_stage_" + std::to_string(from));
    if (name == nullptr) name = named(from, "output_connectors", "to_stage_" + std::to_string(to));
    if (name == nullptr) return nullptr;
    const Value* all = root.find("connectors");
    const Value* found = all == nullptr ? nullptr : all->find(name->text);
    if (found == nullptr)
      refuse(name->place, "input_connectors", name->show(), "a name of `connectors`");
    return found;
  }
  const Value* chunks_of(int id) const {
    for (std::size_t to = 0; to < topology.stages.size(); ++to)
      for (const int from : topology.stages[to].sources)
        if (from == id)
          if (const Value* found = connector_of(id, static_cast<int>(to)))
            return found->find("extra");
    for (const int from : topology.stages[static_cast<std::size_t>(id)].sources)
      if (const Value* found = connector_of(from, id)) return found->find("extra");
    return nullptr;
  }
  void write_chunks(int id, const TopologyStage& row) {
    const Value* extra = chunks_of(id);
    if (extra == nullptr || !extra->is_map()) return;
    settle_members(chunk_keys, *extra);
    for (std::size_t i = 0; i < extra->members.size(); ++i) {
      const auto& [name, value] = extra->members[i];
      if (value.null() || chunk_keys.find(name)->effect != Effect::obeyed) continue;
      // A ramp may be a text such as "1,2,4".
      const bool listed = name == "codec_chunk_ramp" && value.is_scalar();
      if (!row.reads_chunks)
        out.ignored.add(name, "the stage makes no chunks of codes", extra->member_places[i]);
      else
        writer.line("      " + name + ": " + (listed ? "[" + value.text + "]" : to_flow(value)),
                    extra->member_places[i]);
    }
  }

  static int whole(const Value& stage, const char* key, int otherwise) {
    const Value* value = stage.find(key);
    if (value == nullptr || value->null()) return otherwise;
    return static_cast<int>(as_integer(*value, key, 1, 1 << 20));
  }

  void write_dtype(const Value& value, const std::string& place) {
    const std::string& type = value.text;
    if (type == "auto") return;
    if (type == "float32" || type == "float") writer.line("      activations: float32", place);
    else if (type == "bfloat16") writer.line("      activations: bfloat16", place);
    else refuse(value.place, "dtype", value.show(), "auto, float32 or bfloat16");
  }

  // How a code predictor samples: that of a Qwen3-TTS is the model's to say, and other stages than
  // talkers have none.
  void settle_subtalker(const TopologyStage& row, Value& stage) {
    constexpr const char* key = "subtalker_sampling_params";
    const Value* stated = stage.find(key);
    if (stated == nullptr || !stated->is_map()) return;
    if (row.stage == "talker" && topology.name != "qwen3_tts") return;  // refused as by its table
    if (row.stage != "talker")
      out.ignored.add(key, "the stage has no code predictor", stage.place_of(key));
    else if (const auto model = ModelFile::open(wish.model, "talker"); model) {
      const SamplingParams& own = (*model)->tts()->subtalker;
      for (std::size_t i = 0; i < stated->members.size(); ++i) {
        const auto& [name, value] = stated->members[i];
        if (value.null()) continue;
        const bool same =
            name == "do_sample"     ? as_bool(value, name) == (own.temperature > 0)
            : name == "temperature" ? static_cast<float>(as_number(value, name)) == own.temperature
            : name == "top_p"
                ? static_cast<float>(as_number(value, name)) == own.top_p
                : name == "top_k" && as_integer(value, name, -1, 1 << 30) == own.top_k;
        if (!same)
          refuse(stated->member_places[i], std::string(key) + "." + name, value.show(),
                 "what generation_config.json of the model says, or no such key");
      }
    }
    stage.erase(key);
  }

  void write_stage(int id, const TopologyStage& row) {
    Value stage = stage_of(id);
    settle_subtalker(row, stage);
    settle_members(stage_keys, stage);
    settle_async_chunk(stage);
    profiler(stage);
    const auto line_of = [&](const char* key) { return stage.place_of(key); };
    const auto put = [&](const std::string& indent, const char* key) {
      const Value* value = stage.find(key);
      if (value == nullptr || value->null()) return;
      writer.line(indent + key + ": " + to_flow(as_plain(*stage_keys.find(key), *value)),
                  line_of(key));
    };
    const int ranks = whole(stage, "tensor_parallel_size", 1),
              replicas = whole(stage, "num_replicas", 1);
    int requests = whole(stage, "max_num_seqs", usual_requests);
    if (requests > most_requests) {
      out.ignored.add("max_num_seqs above " + std::to_string(most_requests),
                      "no more requests are in one step", line_of("max_num_seqs"));
      requests = most_requests;
    }
    in_flight = std::max(in_flight, std::min(requests * replicas, most_in_flight));

    writer.line("  - stage_id: " + std::to_string(id), stage.place);
    put("    ", "num_replicas");
    writer.line("    runtime:", stage.place);
    writer.line("      process: true", stage.place);
    if (const Value* devices = stage.find("devices"); devices != nullptr && !devices->null())
      writer.line("      devices: " + in_quotes(spread(*devices, replicas, ranks)),
                  line_of("devices"));
    if (const Value* env = stage.find("env"); env != nullptr && !env->members.empty()) {
      writer.line("      env:", line_of("env"));
      for (const auto& [name, value] : env->members)
        if (!value.null())
          writer.line("        " + in_quotes(name) + ": " + in_quotes(as_variable(value)),
                      value.place);
    }
    write_profiler(stage.find("profiler_config"));
    writer.line("    engine_args:", stage.place);
    writer.line("      model_stage: " + row.stage, stage.place);
    if (row.loads_model)
      writer.line("      model: " + in_quotes(wish.model.string()), wish.model.string());
    writer.line("      max_num_seqs: " + std::to_string(requests), line_of("max_num_seqs"));
    for (const char* key : {"tensor_parallel_size", "max_num_batched_tokens", "max_model_len",
                            "block_size", "num_gpu_blocks_override", "kv_cache_memory_bytes",
                            "gpu_memory_utilization", "enable_prefix_caching", "speaker"})
      put("      ", key);
    if (const Value* dtype = stage.find("dtype"); dtype != nullptr && !dtype->null())
      write_dtype(*dtype, line_of("dtype"));
    write_chunks(id, row);
    if (!row.sources.empty()) {
      std::string ids;
      for (const int from : row.sources) ids += (ids.empty() ? "" : ", ") + std::to_string(from);
      writer.line("    engine_input_source: [" + ids + "]", stage.place);
    }
    if (!row.output_type.empty()) {
      writer.line("    final_output: true", stage.place);
      writer.line("    final_output_type: " + row.output_type, stage.place);
    }
    write_sampling(stage, row, stage.place);
  }

  // Pipelines of one stage have nobody to wait for.
  void settle_async_chunk(const Value& map) {
    const Value* stated = map.find("async_chunk");
    if (topology.stages.size() > 1 && stated != nullptr && !stated->null() &&
        !as_bool(*stated, "async_chunk"))
      out.ignored.add("async_chunk: false", "stages hand chunks on as they come",
                      map.place_of("async_chunk"));
  }

  Resolved run(const Topology* instead) {
    std::vector<fs::path> files;
    if (!wish.config.empty()) {
      DeployFile file = read_deploy_file(wish.config);
      root = std::move(file.root);
      files = std::move(file.files);
    }
    if (!wish.overrides.empty()) overrides = read_json(wish.overrides, "--stage-overrides");
    choose_topology(files, instead);
    out.kind = topology.name;
    check_overrides(overrides, static_cast<int>(topology.stages.size()));
    settle_members(top_keys, root);
    settle_async_chunk(root);
    if (topology.stages.size() == 1) {
      for (const char* key : {"connectors", "edges"})
        if (const Value* value = root.find(key); value != nullptr && !value->null())
          out.ignored.add(key, "the model has one stage", root.place_of(key));
    } else if (const Value* edges = root.find("edges"); edges != nullptr) {
      for (const Value& edge : edges->items) settle_members(edge_keys, edge);
    }
    if (const Value* stages = root.find("stages"); stages != nullptr)
      for (const Value& stage : stages->items)
        if (const auto id = as_integer(*stage.find("stage_id"), "stage_id", 0, 1023);
            id >= static_cast<std::int64_t>(topology.stages.size()))
          out.ignored.add("stages[" + std::to_string(id) + "]", "the model has no such stage",
                          stage.place);
    // What cannot be read is refused by the reader of the stage config, where a stage opens it.
    if (auto opened = ModelFile::open(wish.model); opened) out.model = *opened;

    const std::string start = files.empty() ? wish.model.string() : wish.config.string();
    writer.line("stage_args:", start);
    for (std::size_t id = 0; id < topology.stages.size(); ++id)
      write_stage(static_cast<int>(id), topology.stages[id]);
    writer.line("runtime:", start);
    writer.line("  defaults: {max_inflight: " + std::to_string(in_flight) + "}", start);
    if (profile_dir)
      writer.line("  profile_dir: " + in_quotes(profile_dir->first), profile_dir->second);
    if (topology.stages.size() > 1) {
      writer.line("  edges:", start);
      for (std::size_t to = 0; to < topology.stages.size(); ++to)
        for (const int from : topology.stages[to].sources) {
          const std::string edge =
              "    - {from: " + std::to_string(from) + ", to: " + std::to_string(to);
          for (const std::string& port : topology.stages[to].ports)
            writer.line(edge + ", from_port: " + port + ", to_port: " + port + "}", start);
          if (topology.stages[to].ports.empty()) writer.line(edge + "}", start);
        }
    }
    out.text = std::move(writer.text);
    out.places = std::move(writer.places);
    return std::move(out);
  }
};

}  // namespace

Result<Resolved> resolve(const Wish& wish, const Topology* instead) {
  try {
    return Resolver{wish}.run(instead);
  } catch (const Refused& refused) {
    return Error{refused.missing ? ErrorCode::not_found : ErrorCode::invalid_argument,
                 refused.text};
  }
}

FileKind kind_of_file(const fs::path& file) {
  try {
    const Value root = read_yaml(file);
    if (root.find("stage_args") != nullptr) return FileKind::stage_config;
    for (const auto& [key, value] : root.members)
      if (key != "runtime" && top_keys.find(key) != nullptr) return FileKind::deploy_config;
  } catch (const Refused&) {}
  return FileKind::neither;
}

}  // namespace limelight::stages::deploy
