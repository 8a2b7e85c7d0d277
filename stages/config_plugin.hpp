// Reads which type a stage of the config has: one that is built in, or that of a plug-in. The
// functions throw Refusal.
#pragma once

#include <filesystem>
#include <limelight/config.hpp>
#include <map>
#include <string>

#include "stages/yaml_reader.hpp"

namespace limelight::stages {

// The keys stage_type, library, options and model_stage of a stage, as far as it has them.
using KeptKeys = std::map<std::string, YAML::Node>;

// Finds the type of `s`, of which all other keys of the map `at` were read, and asks a plug-in for
// its ports. rank_executable: the program that is asked; empty: limelight-rank.
void choose_type(const YamlReader& reader,
                 const YAML::Node& at,
                 const KeptKeys& kept,
                 const std::filesystem::path& rank_executable,
                 StageConfig& s);

// The absolute path of runtime.rank_executable. Empty: no such key. root: of the file.
std::filesystem::path named_rank_executable(const YamlReader& reader, const YAML::Node& root);

}  // namespace limelight::stages
