// The weights of a Code2WavModel in the layouts that its network computes with. Used on one thread,
// while a stage is made; the model outlives the loader.
#pragma once

#include <string>
#include <vector>

#include "stages/models/code2wav_model.hpp"
#include "stages/models/convolution.hpp"
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

// Those of the other parts, by their names in the file.
class Code2WavLoader {
 public:
  // dtype: of weights that are float32 in the file; those that are bfloat16 stay so.
  Code2WavLoader(const Code2WavModel& model, Device& device, ipc::DType dtype, Array& scratch)
      : model_(model), device_(device), dtype_(dtype), scratch_(scratch) {}
  std::vector<float> floats(const std::string& name) const { return model_.tensor(name).floats(); }
  Array vector(const std::string& name) const { return upload(floats(name)); }
  Array upload(std::span<const float> values) const;
  // at: the name without ".weight" and ".bias".
  Convolution convolution(const std::string& at, int dilation = 1) const;
  // One whose kernel is as long as its stride, or twice as long: a row of the output then sums up
  // what two rows of the stream give.
  Convolution transposed(const std::string& at, int stride) const;
  std::unique_ptr<Matrix> matrix(const std::string& name) const;
  // Snake's, as Device::snake() takes them: it has their logarithms.
  struct Snake {
    Array frequencies, amplitudes;
  };
  Snake snake(const std::string& at) const;

 private:
  std::unique_ptr<Matrix> pack(std::span<const float> weights,
                               std::uint64_t out,
                               std::uint64_t in,
                               WeightType type) const;
  const Code2WavModel& model_;
  Device& device_;
  ipc::DType dtype_;
  Array& scratch_;
};

}  // namespace limelight::stages
