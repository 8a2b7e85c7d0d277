// Two products with a bias each and an activation between them, by which a talker makes rows of its
// own width of those of a text model: second(activation(first(x))) (transformers,
// Qwen3OmniMoeTalkerResizeMLP). One thread uses it.
#pragma once

#include <memory>
#include <span>
#include <string>

#include "stages/models/decoder.hpp"

namespace limelight::stages {

class ResizeMlp {
 public:
  struct Widths {
    int in = 0, middle = 0, out = 0;
  };
  // name: the weights are <name>.fc1, .fc2 and their biases.
  ResizeMlp(const std::string& name,
            Widths widths,
            Activation activation,
            WeightLoader& weights,
            Device& device);
  // x: [n, in] on the host. rows: [n, out].
  void operator()(std::span<const float> x, std::span<float> rows) const;

 private:
  Device& device_;
  Widths widths_;
  Activation activation_;
  std::unique_ptr<Matrix> first_, second_;
  Array first_bias_, second_bias_, ones_;
};

}  // namespace limelight::stages
