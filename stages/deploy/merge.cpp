#include "stages/deploy/merge.hpp"

#include <algorithm>
#include <set>

#include "base/whole_number.hpp"
#include "stages/deploy/keys.hpp"
#include "stages/devices/device.hpp"

namespace limelight::stages::deploy {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t most_bases = 16;
constexpr int most_stages = 64;
constexpr int most_frames = 1 << 20;

constexpr const char* platforms[] = {"cpu", "cuda", "rocm", "npu", "xpu", "musa", "tpu"};
constexpr const char* merged_at_every_depth[] = {
    "default_sampling_params", "default_pooling_params", "subtalker_sampling_params",
    "engine_extras", "engine_args"};
constexpr const char* for_all_stages[] = {
    "trust_remote_code",  "distributed_executor_backend", "dtype",
    "quantization",       "enable_prefix_caching",        "enable_chunked_prefill",
    "data_parallel_size", "pipeline_parallel_size",       "active_stream_window",
    "custom_voice_dir"};

bool is_merged(std::string_view key) {
  return std::find(std::begin(merged_at_every_depth), std::end(merged_at_every_depth), key) !=
         std::end(merged_at_every_depth);
}

void check_members(const KeyTable& table, const Value& map, const std::string& key) {
  if (map.null()) return;
  if (!map.is_map()) refuse(map.place, key, map.show(), "a map");
  for (std::size_t i = 0; i < map.members.size(); ++i)
    check_key(table, map.members[i].first, map.members[i].second, map.member_places[i]);
}

void check_devices(const Value& value) {
  if (value.null()) return;
  const char* expected = "cpu, auto, cuda:<n>, or numbers of GPUs such as 0,1";
  std::string devices = as_text(value, "devices");
  std::erase(devices, ' ');
  if (!is_device_wish(devices)) refuse(value.place, "devices", value.show(), expected);
}

void check_env(const Value& env) {
  for (std::size_t i = 0; i < env.members.size(); ++i) {
    const auto& [name, value] = env.members[i];
    if (name.empty() || name.find_first_of(std::string("=\0", 2)) != std::string::npos)
      refuse(env.member_places[i], "env", "the name '" + name.substr(0, 60) + "'",
             "the name of an environment variable");
    if (!value.null() && as_text(value, name).find('\0') != std::string::npos)
      refuse(value.place, name, "a text with a zero byte", "one without");
  }
}

// {from_stage_<n>: name}
void check_wiring(const Value& map, const std::string& key, const std::string& before) {
  for (std::size_t i = 0; i < map.members.size(); ++i) {
    const auto& [name, value] = map.members[i];
    const auto id =
        name.starts_with(before) ? whole_number<int>(name.substr(before.size()), 0) : std::nullopt;
    if (!id || name != before + std::to_string(*id))
      refuse(map.member_places[i], key, "'" + name.substr(0, 60) + "'", before + "<id of a stage>");
    as_text(value, name);
  }
}

// The values of keys that have more to them than a type.
void check_value(const std::string& key, const Value& value) {
  if (value.null()) return;
  if (key == "devices") check_devices(value);
  else if (key == "env") check_env(value);
  else if (key == "default_sampling_params") check_members(sampling_keys, value, key);
  else if (key == "profiler_config") check_members(profiler_keys, value, key);
  else if (key == "input_connectors") check_wiring(value, key, "from_stage_");
  else if (key == "output_connectors") check_wiring(value, key, "to_stage_");
}

void check_stage_keys(const Value& stage, const std::string& where, bool nested) {
  for (std::size_t i = 0; i < stage.members.size(); ++i) {
    const auto& [key, value] = stage.members[i];
    const std::string& place = stage.member_places[i];
    check_key(stage_keys, key, value, place);
    const bool outer = key == "engine_args" || key == "engine_extras" || key == "runtime";
    if (nested && (outer || key == "stage_id"))
      refuse(place, key, "it in " + where, "it in a stage itself");
    if (value.null()) continue;
    check_value(key, value);
    if (key == "runtime") {
      check_members(runtime_keys, value, key);
      for (const auto& [name, inner] : value.members) check_value(name, inner);
    } else if (outer) check_stage_keys(value, key, true);
  }
}

int id_of(const Value& stage) {
  if (!stage.is_map())
    refuse(stage.place, "stages", stage.show(), "a map with the keys of a stage");
  const Value* id = stage.find("stage_id");
  if (id == nullptr) refuse(stage.place, "stage_id", "no such key", "the id of the stage");
  return static_cast<int>(as_integer(*id, "stage_id", 0, 1023));
}

void check_stages(const Value* stages) {
  if (stages == nullptr || stages->null()) return;
  if (!stages->is_list()) refuse(stages->place, "stages", stages->show(), "a list of stages");
  if (stages->items.size() > most_stages)
    refuse(stages->place, "stages", std::to_string(stages->items.size()) + " stages",
           "at most " + std::to_string(most_stages));
  std::set<int> ids;
  for (const Value& stage : stages->items) {
    const int id = id_of(stage);
    if (!ids.insert(id).second)
      refuse(stage.place_of("stage_id"), "stage_id", "'" + std::to_string(id) + "' a second time",
             "an id that no other stage has");
    check_stage_keys(stage, "a stage", false);
  }
}

void check_ramp(const Value& value, const std::string& key) {
  if (value.is_list())
    for (const Value& item : value.items) as_integer(item, key, 1, most_frames);
  else if (key != "codec_chunk_ramp") as_integer(value, key, 1, most_frames);
  else if (!value.is_scalar() || value.text.find_first_not_of("0123456789, ") != std::string::npos)
    refuse(value.place, key, value.show(), "a list of whole numbers");
}

void check_file(const Value& root) {
  if (const Value* old = root.find("stage_args"); old != nullptr)
    refuse(root.place_of("stage_args"), "stage_args", "a stage config of Limelight",
           "a deploy config with `stages`: pass a stage config as --config");
  check_members(top_keys, root, "the deploy config");
  check_stages(root.find("stages"));
  if (const Value* all = root.find("platforms"); all != nullptr)
    for (std::size_t i = 0; i < all->members.size(); ++i) {
      const auto& [name, platform] = all->members[i];
      if (std::find(std::begin(platforms), std::end(platforms), name) == std::end(platforms))
        refuse(all->member_places[i], name.substr(0, 60), "an unknown platform",
               "cpu, cuda, rocm, npu, xpu, musa or tpu");
      check_members(platform_keys, platform, name);
      check_stages(platform.find("stages"));
    }
  if (const Value* all = root.find("connectors"); all != nullptr)
    for (const auto& [name, connector] : all->members) {
      check_members(connector_keys, connector, name);
      const Value* extra = connector.find("extra");
      if (extra == nullptr) continue;
      check_members(chunk_keys, *extra, "extra");
      for (const char* key : {"codec_chunk_frames", "codec_chunk_ramp"})
        if (const Value* value = extra->find(key); value != nullptr && !value->null())
          check_ramp(*value, key);
    }
  if (const Value* all = root.find("edges"); all != nullptr)
    for (const Value& edge : all->items) check_members(edge_keys, edge, "edges");
  if (const Value* all = root.find("duplex_session"); all != nullptr)
    check_members(duplex_keys, *all, "duplex_session");
}

// Of two stages with one id, or of two maps of which only one is there.
Value merged_stage(const Value& base, const Value& overlay) {
  Value both = base;
  both.place = overlay.place;
  for (std::size_t i = 0; i < overlay.members.size(); ++i) {
    const auto& [key, value] = overlay.members[i];
    const Value* before = both.find(key);
    const bool merge = is_merged(key) && before != nullptr && before->is_map() && value.is_map();
    both.set(key, merge ? merged(*before, value) : value, overlay.member_places[i]);
  }
  return both;
}

Value merged_stages(const Value* base, const Value* overlay) {
  Value all{.kind = Value::Kind::list};
  if (base != nullptr && base->is_list()) all = *base;
  if (overlay == nullptr || !overlay->is_list()) return all;
  if (all.place.empty()) all.place = overlay->place;
  for (const Value& stage : overlay->items) {
    const int id = id_of(stage);
    const auto at = std::find_if(all.items.begin(), all.items.end(),
                                 [&](const Value& one) { return id_of(one) == id; });
    if (at == all.items.end()) all.items.push_back(stage);
    else *at = merged_stage(*at, stage);
  }
  return all;
}

Value merged_platforms(const Value& base, const Value& overlay) {
  Value all = base;
  for (std::size_t i = 0; i < overlay.members.size(); ++i) {
    const auto& [name, platform] = overlay.members[i];
    const Value* before = all.find(name);
    if (before == nullptr || before->null()) {
      all.set(name, platform, overlay.member_places[i]);
      continue;
    }
    Value both = merged_flat(*before, platform);
    both.set("stages", merged_stages(before->find("stages"), platform.find("stages")),
             platform.place);
    all.set(name, both, overlay.member_places[i]);
  }
  return all;
}

Value merged_files(const Value& base, const Value& overlay) {
  Value both = base;
  for (std::size_t i = 0; i < overlay.members.size(); ++i) {
    const auto& [key, value] = overlay.members[i];
    const std::string& place = overlay.member_places[i];
    const Value* before = both.find(key);
    const bool structured = before != nullptr && !before->null();
    if (key == "stages") both.set(key, merged_stages(before, &value), place);
    // Nothing in place of these leaves what the base has.
    else if (key == "platforms" && structured)
      both.set(key, merged_platforms(*before, value), place);
    else if (key == "connectors" && structured) both.set(key, merged(*before, value), place);
    else both.set(key, value, place);
  }
  return both;
}

Value read_with_bases(const fs::path& file, std::vector<fs::path>& chain) {
  std::error_code failed;
  const fs::path real = fs::weakly_canonical(file, failed);
  for (const fs::path& earlier : chain)
    if (fs::weakly_canonical(earlier, failed) == real)
      throw Refused{chain.back().string() + ": key 'base_config': found '" + file.string() +
                    "', expected a file that is not based on this one"};
  if (chain.size() >= most_bases)
    throw Refused{file.string() + ": found more than " + std::to_string(most_bases) +
                  " files that are based on each other, expected fewer"};
  Value root = read_yaml(file);
  check_file(root);
  chain.push_back(file);
  const Value* base = root.find("base_config");
  if (base == nullptr || base->null()) {
    root.erase("base_config");
    return root;
  }
  const std::string name = as_text(*base, "base_config"), place = base->place;
  root.erase("base_config");
  try {
    return merged_files(read_with_bases(file.parent_path() / name, chain), root);
  } catch (const Refused& refused) {
    if (!refused.missing) throw;
    refuse(place, "base_config", "'" + name + "'",
           "a file that can be read, from the folder of this one");
  }
}

}  // namespace

DeployFile read_deploy_file(const fs::path& file) {
  DeployFile all;
  all.root = read_with_bases(file, all.files);
  return all;
}

const Value* find_stage(const Value* stages, int stage_id) {
  if (stages == nullptr) return nullptr;
  for (const Value& stage : stages->items)
    if (id_of(stage) == stage_id) return &stage;
  return nullptr;
}

Value flat_stage(const Value& stage) {
  Value flat{.kind = Value::Kind::map, .place = stage.place};
  for (std::size_t i = 0; i < stage.members.size(); ++i) {
    const auto& [key, value] = stage.members[i];
    if (key != "engine_args" && key != "engine_extras" && key != "runtime")
      flat.set(key, value, stage.member_places[i]);
  }
  if (const Value* runtime = stage.find("runtime"); runtime != nullptr)
    flat = merged_flat(flat, *runtime);
  if (const Value* args = stage.find("engine_args"); args != nullptr) flat = merged(flat, *args);
  if (const Value* extras = stage.find("engine_extras"); extras != nullptr)
    flat = merged_flat(flat, *extras);
  return flat;
}

void apply_platform(const Value& platform_stage, Value& stage) {
  const Value over = flat_stage(platform_stage);
  for (std::size_t i = 0; i < over.members.size(); ++i) {
    const auto& [key, value] = over.members[i];
    if (key == "stage_id") continue;
    // Nothing in their place leaves these; of other keys it takes the value away.
    if (value.null() && (key == "devices" || key == "env")) continue;
    const Value* before = stage.find(key);
    const bool merge =
        (is_merged(key) || key == "env") && before != nullptr && before->is_map() && value.is_map();
    stage.set(key, merge ? merged_flat(*before, value) : value, over.member_places[i]);
  }
}

void check_overrides(const Value& overrides, int stages) {
  for (const auto& [id, keys] : overrides.members) {
    if (!whole_number<int>(id, 0, stages - 1))
      refuse(overrides.place, id.substr(0, 60), "a stage that the model does not have",
             stages == 1 ? "\"0\"" : "\"0\" to \"" + std::to_string(stages - 1) + "\"");
    if (!keys.is_map()) refuse(overrides.place, id, keys.show(), "an object of keys of the stage");
    if (keys.find("stage_id") != nullptr)
      refuse(overrides.place, "stage_id", "it in an override", "other keys of a stage");
    check_stage_keys(keys, "an override", false);
  }
}

Value overrides_of(const Value& overrides, int stage_id) {
  Value mine{.kind = Value::Kind::map, .place = overrides.place};
  for (const auto& [id, keys] : overrides.members) {
    if (whole_number<int>(id) != stage_id) continue;
    const Value flat = flat_stage(keys);
    for (const auto& [key, value] : flat.members)
      if (!value.null()) mine.set(key, value, overrides.place);
  }
  return mine;
}

void apply_top_level(const Value& root, Value& stage) {
  for (const char* key : for_all_stages) {
    const Value *stated = root.find(key), *own = stage.find(key);
    if (stated != nullptr && !stated->null() && (own == nullptr || own->null()))
      stage.set(key, *stated, root.place_of(key));
  }
}

}  // namespace limelight::stages::deploy
