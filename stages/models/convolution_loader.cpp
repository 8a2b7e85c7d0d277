#include "stages/models/convolution_loader.hpp"

#include <cmath>

namespace limelight::stages {

Array ConvolutionLoader::upload(std::span<const float> values) const {
  Array array(device_, values.size());
  device_.upload(values, array.span());
  return array;
}

std::unique_ptr<Matrix> ConvolutionLoader::pack(std::span<const float> weights,
                                                std::uint64_t out,
                                                std::uint64_t in,
                                                WeightType type) const {
  return device_.pack(weights, static_cast<int>(out), static_cast<int>(in),
                      packed_as(type, dtype_));
}

std::unique_ptr<Matrix> ConvolutionLoader::matrix(const std::string& name) const {
  const StoredTensor& tensor = *files_.find(name);
  return pack(tensor.floats(), tensor.shape[0], tensor.shape[1], tensor.type);
}

Convolution ConvolutionLoader::convolution(const std::string& at, int dilation) const {
  const StoredTensor& tensor = *files_.find(at + ".weight");  // [out, in, taps]
  const std::uint64_t out = tensor.shape[0], in = tensor.shape[1], taps = tensor.shape[2];
  const std::vector<float> stored = tensor.floats();
  std::vector<float> weights(stored.size());  // [out, taps, in]
  for (std::size_t o = 0; o < out; ++o)
    for (std::size_t i = 0; i < in; ++i)
      for (std::size_t tap = 0; tap < taps; ++tap)
        weights[(o * taps + tap) * in + i] = stored[(o * in + i) * taps + tap];
  return {device_,
          pack(weights, out, taps * in, tensor.type),
          files_.find(at + ".bias") != nullptr ? vector(at + ".bias") : Array(device_),
          static_cast<int>(taps),
          dilation,
          1,
          scratch_};
}

// Output q * stride + s is the sum of x[q] * w[s] and, in a longer kernel, x[q - 1] * w[s +
// stride] and so on.
Convolution ConvolutionLoader::transposed(const std::string& at, int stride) const {
  const StoredTensor& tensor = *files_.find(at + ".weight");  // [in, out, kernel]
  const std::uint64_t in = tensor.shape[0], out = tensor.shape[1], kernel = tensor.shape[2],
                      steps = static_cast<std::uint64_t>(stride),
                      taps = (kernel + steps - 1) / steps;
  const std::vector<float> stored = tensor.floats();
  // [stride, out, taps, in], with zeros where the kernel ends within a stride.
  std::vector<float> weights(steps * out * taps * in);
  for (std::size_t i = 0; i < in; ++i)
    for (std::size_t o = 0; o < out; ++o)
      for (std::size_t k = 0; k < kernel; ++k)
        weights[((k % steps * out + o) * taps + taps - 1 - k / steps) * in + i] =
            stored[(i * out + o) * kernel + k];
  const std::vector<float> bias = floats(at + ".bias");
  std::vector<float> biases;
  for (int s = 0; s < stride; ++s) biases.insert(biases.end(), bias.begin(), bias.end());
  return {device_,
          pack(weights, steps * out, taps * in, tensor.type),
          upload(biases),
          static_cast<int>(taps),
          1,
          stride,
          scratch_};
}

ConvolutionLoader::Snake ConvolutionLoader::snake(const std::string& at) const {
  std::vector<float> frequencies = floats(at + ".alpha"), amplitudes = floats(at + ".beta");
  for (float& value : frequencies) value = std::exp(value);
  for (float& value : amplitudes) value = 1 / (std::exp(value) + 1e-9f);
  return {upload(frequencies), upload(amplitudes)};
}

}  // namespace limelight::stages
