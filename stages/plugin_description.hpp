// Which ports a stage has that is not built in. A process asks another one, which may load the
// library: whatever happens while it is loaded is an error of the config.
//
// Any thread may call these functions.
#pragma once

#include <filesystem>
#include <limelight/plugin.hpp>
#include <string>

namespace limelight::stages {

// A stage of the config that is not built in.
struct PluginStage {
  std::filesystem::path library = {};  // empty: of the program that hosts the ranks
  std::string name = {};               // of the type; empty: the only one
  PluginConfig config = {};
};

struct PluginDescription {
  std::string name;
  PluginPorts ports = {};
};

// The first argument of the program that is asked; the second says of what.
inline constexpr const char* describe_argument = "--limelight-describe";

// Asks the program `host`. Errors: invalid_argument, with a text that begins with the key at fault
// in quotes where one is.
Result<PluginDescription> ask_for_description(const std::filesystem::path& host,
                                              const PluginStage& stage);

// Of the program that is asked: answers, and returns the exit status. stage: its second argument.
int answer_description(const std::string& stage);

// The description, made in this process. Errors: as ask_for_description().
Result<PluginDescription> describe(const PluginStage& stage);

}  // namespace limelight::stages
