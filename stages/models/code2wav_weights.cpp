#include "stages/models/code2wav_weights.hpp"

#include <cmath>

namespace limelight::stages {

namespace {
// Of weights that are bfloat16 already, nothing is lost.
ipc::DType packed_as(WeightType type, ipc::DType otherwise) {
  return type == WeightType::bf16 ? ipc::DType::bfloat16 : otherwise;
}
}  // namespace

// "layers.0.q_proj" is "pre_transformer.layers.0.self_attn.q_proj.weight" in the file.
std::string Code2WavTransformerWeights::stored(const std::string& name) {
  const std::string at = "pre_transformer.";
  if (name == "norm") return at + "norm.weight";
  const std::size_t point = name.find('.', 7);
  const std::string layer = at + name.substr(0, point + 1), part = name.substr(point + 1);
  if (part == "input_norm") return layer + "input_layernorm.weight";
  if (part == "post_norm") return layer + "post_attention_layernorm.weight";
  const bool bias = part.ends_with(".bias");
  const std::string matrix = bias ? part.substr(0, part.size() - 5) : part;
  const bool attends = matrix.size() == 6;  // q_proj, k_proj, v_proj, o_proj
  return layer + (attends ? "self_attn." : "mlp.") + matrix + (bias ? ".bias" : ".weight");
}

std::vector<float> Code2WavTransformerWeights::load(const std::string& name, const MatrixPart&) {
  std::vector<float> values = model_.tensor(stored(name)).floats();
  const bool attention = name.find(".o_proj") != std::string::npos;
  if (!attention && name.find(".down_proj") == std::string::npos) return values;
  const std::string layer = name.substr(0, name.find('.', 7) + 1);
  const std::vector<float> scale =
      model_
          .tensor("pre_transformer." + layer +
                  (attention ? "self_attn_layer_scale.scale" : "mlp_layer_scale.scale"))
          .floats();
  const std::size_t width = values.size() / scale.size();
  for (std::size_t i = 0; i < values.size(); ++i) values[i] *= scale[i / width];
  return values;
}

std::unique_ptr<Matrix> Code2WavTransformerWeights::matrix(Device& device,
                                                           const std::string& name,
                                                           const MatrixPart& part,
                                                           ipc::DType dtype) {
  const bool scaled = name.ends_with(".o_proj") || name.ends_with(".down_proj");
  return device.pack(load(name, part), part.rows, part.cols,
                     scaled ? dtype : packed_as(model_.tensor(stored(name)).type, dtype));
}

Array Code2WavLoader::upload(std::span<const float> values) const {
  Array array(device_, values.size());
  device_.upload(values, array.span());
  return array;
}

std::unique_ptr<Matrix> Code2WavLoader::pack(std::span<const float> weights,
                                             std::uint64_t out,
                                             std::uint64_t in,
                                             WeightType type) const {
  return device_.pack(weights, static_cast<int>(out), static_cast<int>(in),
                      packed_as(type, dtype_));
}

std::unique_ptr<Matrix> Code2WavLoader::matrix(const std::string& name) const {
  const StoredTensor& tensor = model_.tensor(name);
  return pack(tensor.floats(), tensor.shape[0], tensor.shape[1], tensor.type);
}

Convolution Code2WavLoader::convolution(const std::string& at, int dilation) const {
  const StoredTensor& tensor = model_.tensor(at + ".weight");  // [out, in, taps]
  const std::uint64_t out = tensor.shape[0], in = tensor.shape[1], taps = tensor.shape[2];
  const std::vector<float> stored = tensor.floats();
  std::vector<float> weights(stored.size());  // [out, taps, in]
  for (std::size_t o = 0; o < out; ++o)
    for (std::size_t i = 0; i < in; ++i)
      for (std::size_t tap = 0; tap < taps; ++tap)
        weights[(o * taps + tap) * in + i] = stored[(o * in + i) * taps + tap];
  return {device_,
          pack(weights, out, taps * in, tensor.type),
          vector(at + ".bias"),
          static_cast<int>(taps),
          dilation,
          1,
          scratch_};
}

// Output q * stride + s is the sum of x[q] * w[s] and, in a longer kernel, x[q - 1] * w[s +
// stride].
Convolution Code2WavLoader::transposed(const std::string& at, int stride) const {
  const StoredTensor& tensor = model_.tensor(at + ".weight");  // [in, out, kernel]
  const std::uint64_t in = tensor.shape[0], out = tensor.shape[1], kernel = tensor.shape[2],
                      steps = static_cast<std::uint64_t>(stride), taps = kernel / steps;
  const std::vector<float> stored = tensor.floats();
  std::vector<float> weights(stored.size());  // [stride, out, taps, in]
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

Code2WavLoader::Snake Code2WavLoader::snake(const std::string& at) const {
  std::vector<float> frequencies = floats(at + ".alpha"), amplitudes = floats(at + ".beta");
  for (float& value : frequencies) value = std::exp(value);
  for (float& value : amplitudes) value = 1 / (std::exp(value) + 1e-9f);
  return {upload(frequencies), upload(amplitudes)};
}

}  // namespace limelight::stages
