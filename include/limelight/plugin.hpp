// Stages of your own: in a shared library that a config names, or in a program that hosts ranks
// itself (<limelight/rank.hpp>).
//
//   using namespace limelight::stages;
//   struct Reverse final : Stage { explicit Reverse(const PluginConfig& config); ... };
//   LIMELIGHT_PLUGIN({plugin_type<Reverse>("reverse", {.outputs = {{"text", "text", 4096}}})})
//
// The library links limelight::stage, which has headers only. What they declare, spans included, is
// in the process that loads the library, so there is one table of spans in a rank. A library is
// opened twice: in a process that only asks for its ports, before a pipeline starts, and in each
// rank of its stages. Exceptions that leave a function below, or a function of the stage, become
// errors.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <limelight/result.hpp>
#include <limelight/stage.hpp>
#include <limelight/version.hpp>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

// Changes with every change of what a library and its host share: this header, stage.hpp and what
// they include. A host loads libraries of its own number only.
#define LIMELIGHT_PLUGIN_ABI 6

// What both sides share of the C++ library, whose classes are laid out differently with another
// one, or with other settings. Compilers that use the same library agree on everything else.
#define LIMELIGHT_TEXT_OF_(x) #x
#define LIMELIGHT_TEXT_OF(x) LIMELIGHT_TEXT_OF_(x)
#if defined(_LIBCPP_VERSION)
#define LIMELIGHT_CXX_LIBRARY "libc++, ABI version " LIMELIGHT_TEXT_OF(_LIBCPP_ABI_VERSION)
#elif defined(__GLIBCXX__)
#if defined(_GLIBCXX_DEBUG)
#define LIMELIGHT_CXX_CHECKS ", _GLIBCXX_DEBUG"
#else
#define LIMELIGHT_CXX_CHECKS ""
#endif
#define LIMELIGHT_CXX_LIBRARY                                                    \
  "libstdc++, _GLIBCXX_USE_CXX11_ABI=" LIMELIGHT_TEXT_OF(_GLIBCXX_USE_CXX11_ABI) \
      LIMELIGHT_CXX_CHECKS
#else
#define LIMELIGHT_CXX_LIBRARY "an unknown C++ library"
#endif

namespace limelight::stages {

struct PortType {
  std::string name;
  // What goes through it: "text" (bytes of UTF-8) and "audio" (float32 samples) are what users get;
  // an edge joins two ports that carry the same, which may be any word.
  std::string carries;
  int sample_rate = usual_sample_rate;  // of an output that carries "audio", in Hz
};

struct OutputPort {
  std::string name, carries;
  std::uint64_t largest_bytes = 0;      // of a tensor that the stage emits there: 1 or more
  int sample_rate = usual_sample_rate;  // of "audio", in Hz: 1 to 768000
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

// A type that has the same ports whatever the options say. OwnStage is made from a PluginConfig.
template <class OwnStage>
PluginType plugin_type(std::string name, PluginPorts ports, std::vector<std::string> options = {}) {
  return {.name = std::move(name),
          .options = std::move(options),
          .ports = [ports = std::move(ports)](const PluginConfig&) -> Result<PluginPorts> {
            return ports;
          },
          .make = [](const PluginConfig& config) -> Result<std::unique_ptr<Stage>> {
            return std::unique_ptr<Stage>(std::make_unique<OwnStage>(config));
          }};
}

// Sends a text through an output that carries "text". last: see Output::emit().
inline Result<void> emit_text(Output& to, int port, std::string_view text, bool last) {
  return to.emit(port, ipc::TensorSpec::of(ipc::DType::uint8, {text.size()}), last,
                 [&](std::span<std::byte> memory) {
                   std::copy_n(text.data(), text.size(), reinterpret_cast<char*>(memory.data()));
                 });
}

}  // namespace limelight::stages

// What the one symbol of a library, `limelight_plugin`, returns. The first three members stay as
// they are in all versions from 2 on; version 1 has no third.
struct LimelightPlugin {
  std::uint32_t abi;      // LIMELIGHT_PLUGIN_ABI
  const char* limelight;  // the version of the headers that it was built with
  const char* library;    // LIMELIGHT_CXX_LIBRARY
  const limelight::stages::PluginTypes* types;
};
extern "C" using LimelightPluginEntry = const LimelightPlugin * ();

// Defines the symbol. Its argument is a value of PluginTypes.
#define LIMELIGHT_PLUGIN(...)                                                                   \
  extern "C" __attribute__((visibility("default"))) const LimelightPlugin* limelight_plugin() { \
    static const ::limelight::stages::PluginTypes limelight_types(__VA_ARGS__);                 \
    static const LimelightPlugin limelight_made{LIMELIGHT_PLUGIN_ABI, LIMELIGHT_VERSION,        \
                                                LIMELIGHT_CXX_LIBRARY, &limelight_types};       \
    return &limelight_made;                                                                     \
  }
