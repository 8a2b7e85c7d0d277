// The weights of a Code2WavModel's transformer in the layouts that it computes with; the other
// parts have convolution_loader.hpp. Used on one thread, while a stage is made; the model outlives
// the loader.
#pragma once

#include <string>
#include <vector>

#include "stages/models/code2wav_model.hpp"
#include "stages/models/weights.hpp"

namespace limelight::stages {

// Those of the transformer, by the names that Decoder asks for. What LayerScale multiplies the
// outputs of attention and feed-forward network by (Touvron et al. 2021) is part of their last
// matrices.
class Code2WavTransformerWeights final : public WeightLoader {
 public:
  explicit Code2WavTransformerWeights(const Code2WavModel& model) : model_(model) {}
  bool has(const std::string& name) const override { return model_.has(stored(name)); }
  std::vector<float> load(const std::string& name, const MatrixPart& part) override;
  std::unique_ptr<Matrix> matrix(Device& device,
                                 const std::string& name,
                                 const MatrixPart& part,
                                 ipc::DType dtype) override;

 private:
  static std::string stored(const std::string& name);
  const Code2WavModel& model_;
};

}  // namespace limelight::stages
