// The weights of networks of convolutions in a TensorFiles, in the layouts that Convolution and the
// devices compute with. Used on one thread, while a stage is made; the files outlive the loader.
#pragma once

#include <string>
#include <vector>

#include "stages/models/convolution.hpp"
#include "stages/models/tensor_files.hpp"

namespace limelight::stages {

// What to pack weights as: of those that are bfloat16 already, nothing is lost.
inline ipc::DType packed_as(WeightType type, ipc::DType otherwise) {
  return type == WeightType::bf16 ? ipc::DType::bfloat16 : otherwise;
}

class ConvolutionLoader {
 public:
  // dtype: of weights that are float32 in the file; those that are bfloat16 stay so.
  ConvolutionLoader(const TensorFiles& files, Device& device, ipc::DType dtype, Array& scratch)
      : files_(files), device_(device), dtype_(dtype), scratch_(scratch) {}
  std::vector<float> floats(const std::string& name) const { return files_.find(name)->floats(); }
  Array vector(const std::string& name) const { return upload(floats(name)); }
  Array upload(std::span<const float> values) const;
  // at: the name without ".weight" and ".bias"; there may be no bias.
  Convolution convolution(const std::string& at, int dilation = 1) const;
  // A kernel that is longer than its stride sums up what several rows of the stream give.
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
  const TensorFiles& files_;
  Device& device_;
  ipc::DType dtype_;
  Array& scratch_;
};

}  // namespace limelight::stages
