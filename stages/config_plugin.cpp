#include "stages/config_plugin.hpp"

#include <unistd.h>

#include "base/helper.hpp"
#include "stages/plugin_stage.hpp"
#include "stages/registry.hpp"

namespace limelight::stages {

namespace {

namespace fs = std::filesystem;

fs::path folder_of(const YamlReader& reader) {
  std::error_code ignored;
  return fs::absolute(reader.file, ignored).parent_path();
}

std::map<std::string, std::string> read_options(const YamlReader& reader, const YAML::Node& node) {
  std::map<std::string, std::string> options;
  if (!node.IsMap()) reader.refuse(node, "options", YamlReader::show(node), "a map");
  for (const auto& item : node) {
    const auto key = reader.as<std::string>(item.first, "options", "a key");
    options[key] = reader.as<std::string>(item.second, key, "a word, a number or a text");
  }
  return options;
}

// The text of a description's error begins with the key at fault in quotes, or with none.
[[noreturn]] void refuse_plugin(const YamlReader& reader,
                                const YAML::Node& stage,
                                const KeptKeys& kept,
                                const std::string& text) {
  YAML::Node at = stage;
  const auto end = text.starts_with('\'') ? text.find('\'', 1) : std::string::npos;
  const bool has_key = end != std::string::npos;
  const std::string key = has_key ? text.substr(1, end - 1) : "";
  if (const auto options = kept.find("options"); has_key && options != kept.end())
    for (const auto& item : options->second)
      if (item.first.Scalar() == key) at = item.first;
  if (const auto own = kept.find(key); at.is(stage) && own != kept.end()) at = own->second;
  throw Refusal{reader.file + ":" + std::to_string(at.Mark().line + 1) + ": " +
                (has_key ? "key " : "") + text};
}

void choose_plugin(const YamlReader& reader,
                   const YAML::Node& at,
                   const KeptKeys& kept,
                   fs::path host,
                   StageConfig& s) {
  PluginStage stage{.name = s.model_stage,
                    .config = {.stage_id = s.stage_id,
                               .folder = folder_of(reader),
                               .max_batch_size = s.max_batch_size,
                               .max_num_batched_tokens = s.max_num_batched_tokens,
                               .cpu_threads = s.cpu.threads}};
  if (const auto library = kept.find("library"); library != kept.end())
    stage.library =
        (stage.config.folder / reader.as<std::string>(library->second, "library", "a path"))
            .lexically_normal();
  if (const auto options = kept.find("options"); options != kept.end())
    stage.config.options = read_options(reader, options->second);
  if (host.empty()) {
    auto found = find_helper("limelight-rank");
    if (!found) refuse_plugin(reader, at, kept, found.error().message);
    host = std::move(found).value();
  }
  auto description = ask_for_description(host, stage);
  if (!description) refuse_plugin(reader, at, kept, description.error().message);
  s.model_stage = description->name;
  s.plugin =
      std::make_shared<StageType>(stage_type_of(std::move(stage), std::move(description).value()));
}

}  // namespace

void choose_type(const YamlReader& reader,
                 const YAML::Node& at,
                 const KeptKeys& kept,
                 const fs::path& rank_executable,
                 StageConfig& s) {
  const auto type = kept.find("stage_type");
  if (type != kept.end() &&
      reader.as<std::string>(type->second, "stage_type", "a word") == "plugin")
    return choose_plugin(reader, at, kept, rank_executable, s);
  for (const char* key : {"library", "options"})
    if (const auto given = kept.find(key); given != kept.end())
      reader.refuse(given->second, key, "it in a stage that is built in",
                    "it beside stage_type: plugin");
  if (s.model_stage.empty())
    reader.refuse(at, "model_stage", "no such key", "one of " + stage_type_names());
  if (find_stage_type(s.model_stage) == nullptr)
    reader.refuse(kept.at("model_stage"), "model_stage", "'" + s.model_stage + "'",
                  "one of " + stage_type_names());
}

fs::path named_rank_executable(const YamlReader& reader, const YAML::Node& root) {
  if (!root.IsMap() || !root["runtime"] || !root["runtime"].IsMap()) return {};
  const YAML::Node at = root["runtime"]["rank_executable"];
  if (!at) return {};
  const fs::path path =
      (folder_of(reader) / reader.as<std::string>(at, "rank_executable", "a path"))
          .lexically_normal();
  std::error_code failed;
  if (!fs::is_regular_file(path, failed) || ::access(path.c_str(), X_OK) != 0)
    reader.refuse(at, "rank_executable", "'" + path.string() + "'", "a program that can be run");
  return path;
}

}  // namespace limelight::stages
