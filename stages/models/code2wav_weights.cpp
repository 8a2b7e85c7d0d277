#include "stages/models/code2wav_weights.hpp"

#include "stages/models/convolution_loader.hpp"

namespace limelight::stages {

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

}  // namespace limelight::stages
