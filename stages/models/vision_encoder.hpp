// The vision encoders of Qwen3-Omni (Qwen3OmniMoeVisionEncoder of transformers) and Qwen2.5-Omni:
// patches of pictures to rows that the thinker reads in place of tokens. That of Qwen3-Omni:
//
//   patches    a linear layer each; plus learned positions, interpolated from a square to the
//              picture's rows and columns
//   layers     x += attention(norm(x)); x += fc2(gelu(fc1(norm(x)))); attention among the
//              patches of a picture. Queries and keys are rotated: the first half of the
//              frequencies by the patch's row, the second by its column
//   merger     merge x merge neighbours become one row: norm, linear, GELU, linear
//   deepstack  mergers of their own after some layers; the thinker adds their rows to the outputs
//              of its first layers
//
// That of Qwen2.5-Omni (Qwen2_5OmniVisionEncoder, shape.window) has no learned positions and no
// deepstack. Its norms are RMS norms, its feed-forward networks gated. The patches are put in the
// order of windows, and attend to those of their window; in some layers to all of their picture.
//
// One thread uses an encoder.
#pragma once

#include "stages/media/patches.hpp"
#include "stages/models/encoder_config.hpp"
#include "stages/models/encoder_parts.hpp"

namespace limelight::stages {

struct EncodedImage {
  std::vector<float> rows;                    // [patches / merge^2, shape.out]
  std::vector<std::vector<float>> deepstack;  // the same for each of shape.deepstack
};

class VisionEncoder {
 public:
  // weights: names as tensors_of() has them after the prefix `at`. The device outlives the encoder.
  VisionEncoder(const VisionEncoderShape& shape,
                WeightLoader& weights,
                Device& device,
                const std::string& at = "visual.");
  // Pictures do not change each other's rows. Errors: invalid_argument (patches of another size, or
  // rows or columns that do not make whole blocks).
  Result<std::vector<EncodedImage>> encode(std::span<const ImagePatches> images,
                                           const EncoderObserver& observe = {}) const;

 private:
  struct Layer {
    LayerNorm norm1, norm2;
    std::vector<BiasedLinear> qkv;  // together, or three of them
    BiasedLinear proj, fc1, fc2;
    std::vector<BiasedLinear> gate;  // one, or none
  };
  struct Merger {
    LayerNorm norm;
    BiasedLinear first, second;
    std::vector<float> operator()(std::span<const float> x) const;
  };
  // The row and the column of each patch, in the order of ImagePatches.
  std::vector<std::pair<int, int>> places(const ImagePatches& image) const;
  // The merged patches of a picture in the order of windows; `ends` gets the end of each window, in
  // patches.
  std::vector<int> windows(const ImagePatches& image, std::vector<int>& ends) const;
  void add_layer(WeightLoader& weights, Device& device, const std::string& at);
  // Turns the heads of a row at its place.
  void turn(std::span<float> row, std::pair<int, int> place) const;
  void add_positions(const ImagePatches& image, std::span<float> rows) const;
  void run(const Layer& layer,
           std::vector<float>& x,
           std::span<const std::pair<int, int>> places,
           std::span<const int> ends) const;
  Merger merger(WeightLoader& weights, Device& device, const std::string& at, int normed);

  VisionEncoderShape shape_;
  BiasedLinear embedding_;
  std::vector<float> positions_;    // [side * side, hidden]
  std::vector<float> frequencies_;  // head_dim / 4
  std::vector<Layer> layers_;
  std::vector<Merger> deepstack_;
  Merger merger_;
};

}  // namespace limelight::stages
