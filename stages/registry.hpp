// The kinds of stages: what each is called, which ports it has, and how it is made. The config, the
// graph and the ranks ask this table; no other code knows the name of a stage.
//
// A kind registers itself once, before a config is parsed: the built-in ones when the table is
// first asked, those of a program with register_stage_type() at the beginning of its main. Any
// thread may ask; registering is not done beside other calls.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limelight/plugin.hpp>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ipc/collective.hpp"
#include "stages/devices/device.hpp"

namespace limelight::stages {

// An edge into a stage, as the stage that checks it sees it.
struct Feed {
  int input = 0;  // index of the port
  const StageConfig* source = nullptr;
};

struct StageType {
  std::string name;  // the value of `model_stage`
  std::vector<PortType> inputs, outputs;
  bool loads_models = false;  // the key `model` is understood
  // How `model` is read, where it is not as text models are; sets the shape. Errors: those of what
  // reads it.
  std::function<Result<void>(const std::filesystem::path&, StageConfig&)> open_model = {};
  bool splits = false;        // several ranks can share it
  bool reads_chunks = false;  // StageConfig::chunks
  // Whether the stage can read what its sources send. Errors: invalid_argument, "'<key>': found
  // <what>, expected <what>".
  std::function<Result<void>(const StageConfig&, std::span<const Feed>)> check;
  // The size in bytes of the largest tensor that it emits to an output.
  std::function<std::uint64_t(const StageConfig&, int output)> largest_output;
  // The size in bytes of its weights, over all of its ranks, if they are dummies.
  std::function<std::uint64_t(const StageConfig&)> weight_bytes;
  // group: the ranks that share the stage; nullptr if it has one. May throw what libraries throw.
  std::function<Result<std::unique_ptr<Stage>>(const StageConfig&, Device&, ipc::Collective* group)>
      make;
};

// Errors: invalid_argument (the name is taken).
Result<void> register_stage_type(StageType type);
// nullptr if there is none.
const StageType* find_stage_type(std::string_view name);
// Of a stage that parse() or a caller has checked: the type of its plug-in, that of its model, or
// the one in the table.
const StageType& type_of(const StageConfig& stage);
// Whether a model's own type may take the place of a built-in one of this name.
bool has_type_by_model(std::string_view name);
std::string stage_type_names();  // such as "code2wav, talker, thinker"

// The built-in kinds; registry.cpp registers them.
StageType thinker_type();
StageType talker_type();
StageType code2wav_type();
// In place of talker_type() and code2wav_type() for those whose model is a Qwen2.5-Omni.
StageType qwen2_5_omni_talker_type();
StageType token2wav_type();
// In place of talker_type() and code2wav_type() for those whose model is a Qwen3-Omni.
StageType qwen3_omni_talker_type();
StageType wave_decoder_type();
// In place of talker_type() for those whose model is a Qwen3-TTS; its code2wav is that above.
StageType qwen3_tts_talker_type();

}  // namespace limelight::stages
