// The activations of feed-forward networks (see Activation), as the CPU computes them one by one.
#pragma once

#include <cmath>
#include <limelight/shape.hpp>
#include <numbers>

namespace limelight::stages {

inline float activated(float x, Activation activation) {
  constexpr float root_of_half = std::numbers::sqrt2_v<float> / 2, root = 0.79788456f;
  switch (activation) {
    case Activation::silu: return x / (1.0f + std::exp(-x));
    case Activation::gelu: return 0.5f * x * (1.0f + std::erf(x * root_of_half));
    case Activation::gelu_tanh:  // root: sqrt(2 / pi)
      return 0.5f * x * (1.0f + std::tanh(root * (x + 0.044715f * x * x * x)));
  }
  return x;
}

}  // namespace limelight::stages
