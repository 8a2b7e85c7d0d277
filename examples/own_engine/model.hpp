// A model file as OpenVINO reads it, and what the options of a config say of it.
#pragma once

#include <limelight/plugin.hpp>
#include <memory>
#include <openvino/openvino.hpp>
#include <string>
#include <vector>

namespace own_engine {

// An input or output of the model. Numbers of a prompt or a text are float32 or int64.
struct Port {
  std::string name, carries;
  limelight::ipc::TensorSpec tensor;
  bool as_text = false;  // its numbers come from the prompt, or go to the user as text

  std::size_t bytes() const { return *tensor.bytes(); }
};

struct Model {
  std::shared_ptr<ov::Model> network;
  std::vector<Port> inputs, outputs;
};

// The keys of `options`; docs/plugins.md says what they mean.
inline const std::vector<std::string> option_names{"model", "shapes", "carries", "prompt", "text"};

// Errors: invalid_argument, with the option at fault, what was found and what was expected.
limelight::Result<Model> read_model(const limelight::stages::PluginConfig& config);

// The ports that the stage has.
limelight::stages::PluginPorts ports_of(const Model& model);

}  // namespace own_engine
