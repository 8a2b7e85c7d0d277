// Deploy configs as files: which keys they have, and how overlays, platforms and overrides are put
// together. The rules are those of the wheel of vLLM-Omni 0.30, config/stage_config.py:
//
//   base_config   a path from the overlay's folder. Stages, and those of each platform, are merged
//                 by stage_id and key by key; connectors at every depth; all other keys are
//                 replaced. Of a stage's keys, default_sampling_params, default_pooling_params,
//                 subtalker_sampling_params, engine_args and engine_extras are merged at every
//                 depth, and the others are replaced.
//   engine_args   in a stage goes over the stage's own keys, engine_extras over both; `runtime`
//                 goes over devices, num_replicas and env.
//   platforms     of the stage's platform go over that, then overrides of the command line, where
//                 null means nothing.
//   top level     of some keys: where a stage does not state them.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "stages/deploy/value.hpp"

namespace limelight::stages::deploy {

struct DeployFile {
  Value root;                                // base configs merged in
  std::vector<std::filesystem::path> files;  // the file, then its bases
};

// Reads a file and its bases, and checks the keys and types of each. Throws Refused.
DeployFile read_deploy_file(const std::filesystem::path& file);

// The keys of a stage with engine_args, engine_extras and runtime merged in.
Value flat_stage(const Value& stage);
// The same of a stage of a platform, over `stage`, which is flat.
void apply_platform(const Value& platform_stage, Value& stage);
// overrides: {"<id>": {key: value}}, as --stage-overrides has it. Checks them, and returns those of
// the stage, without what is null.
Value overrides_of(const Value& overrides, int stage_id);
void check_overrides(const Value& overrides, int stages);
// What the top level states for stages that do not.
void apply_top_level(const Value& root, Value& stage);

// nullptr if there is none. stages: a list of stages, or nullptr.
const Value* find_stage(const Value* stages, int stage_id);

}  // namespace limelight::stages::deploy
