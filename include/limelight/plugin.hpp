// Stages of your own: in a shared library that a config names, or in a program that hosts ranks
// itself (<limelight/rank.hpp>).
//
//   using namespace limelight::stages;
//   LIMELIGHT_PLUGIN(PluginTypes{{.name = "reverse", .ports = ports, .make = make}})
//
// The library links limelight::stage, which has headers only. What they declare, spans included, is
// in the process that loads the library, so there is one table of spans in a rank. A library is
// opened twice: in a process that only asks for its ports, before a pipeline starts, and in each
// rank of its stages. Exceptions that leave a function below, or a function of the stage, become
// errors.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <limelight/result.hpp>
#include <limelight/stage.hpp>
#include <limelight/version.hpp>
#include <map>
#include <memory>
#include <string>
#include <vector>

// Changes with every change of what a library and its host share: this header, stage.hpp and what
// they include. A host loads libraries of its own number only.
#define LIMELIGHT_PLUGIN_ABI 1

namespace limelight::stages {

struct PortType {
  std::string name;
  // What goes through it: "text" (bytes of UTF-8) and "audio" (float32 samples) are what users get;
  // an edge joins two ports that carry the same, which may be any word.
  std::string carries;
};

struct OutputPort {
  std::string name, carries;
  std::uint64_t largest_bytes = 0;  // of a tensor that the stage emits there: 1 or more
};

struct PluginPorts {
  std::vector<PortType> inputs = {};  // none: the stage reads the request's prompt
  std::vector<OutputPort> outputs = {};
};

// What the config says of the stage.
struct PluginConfig {
  int stage_id = 0;
  std::filesystem::path folder = {};                // of the config: its relative paths begin here
  std::map<std::string, std::string> options = {};  // the map `options`, as it is written
  int max_batch_size = 4, max_num_batched_tokens = 256, cpu_threads = 1;

  std::string option(const std::string& key, const std::string& otherwise = {}) const {
    const auto at = options.find(key);
    return at == options.end() ? otherwise : at->second;
  }
};

struct PluginType {
  std::string name;                       // letters, digits, '_' and '-'
  std::vector<std::string> options = {};  // the keys that it understands; others are refused
  // The ports that the stage has with these options. Errors: invalid_argument, "'<key of options>':
  // found <what>, expected <what>"; a text without a key at its beginning is shown as it is.
  std::function<Result<PluginPorts>(const PluginConfig&)> ports = {};
  std::function<Result<std::unique_ptr<Stage>>(const PluginConfig&)> make = {};
};
using PluginTypes = std::vector<PluginType>;

}  // namespace limelight::stages

// What the one symbol of a library, `limelight_plugin`, returns. The first two members stay as they
// are in all versions.
struct LimelightPlugin {
  std::uint32_t abi;      // LIMELIGHT_PLUGIN_ABI
  const char* limelight;  // the version of the headers that it was built with
  const limelight::stages::PluginTypes* types;
};
extern "C" using LimelightPluginEntry = const LimelightPlugin * ();

// Defines the symbol. Its argument is a value of PluginTypes.
#define LIMELIGHT_PLUGIN(...)                                                                   \
  extern "C" __attribute__((visibility("default"))) const LimelightPlugin* limelight_plugin() { \
    static const ::limelight::stages::PluginTypes limelight_types(__VA_ARGS__);                 \
    static const LimelightPlugin limelight_made{LIMELIGHT_PLUGIN_ABI, LIMELIGHT_VERSION,        \
                                                &limelight_types};                              \
    return &limelight_made;                                                                     \
  }
