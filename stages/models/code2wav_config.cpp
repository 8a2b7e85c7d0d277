// Reads what config.json says of code2wav. The defaults are those of the classes that are named in
// code2wav_model.hpp.
#include <cmath>

#include "stages/models/code2wav_model.hpp"
#include "stages/models/config_keys.hpp"
#include "stages/models/hf_files.hpp"
#include "stages/models/rope.hpp"

namespace limelight::stages {

using nlohmann::json;
namespace fs = std::filesystem;

namespace {

constexpr int most_rates = 8, most_rate = 64, most_samples_per_frame = 1 << 20;

// A number of 1 to `most`.
int count(ConfigKeys& keys, const char* key, int otherwise, int most) {
  const int value = keys.whole(key, otherwise);
  if (value < 1 || value > most) keys.wrong(key, "1 to " + std::to_string(most));
  return value;
}

std::vector<int> rates(ConfigKeys& keys, const char* key, const std::vector<int>& otherwise) {
  const json& list = keys[key];
  if (list.is_null()) return otherwise;
  const std::string expected =
      std::to_string(most_rates) + " numbers at most, of 1 to " + std::to_string(most_rate);
  if (!list.is_array() || list.size() > most_rates) keys.wrong(key, expected);
  std::vector<int> found;
  for (const json& rate : list) {
    if (!rate.is_number_unsigned() || rate.get<std::uint64_t>() < 1 ||
        rate.get<std::uint64_t>() > most_rate)
      keys.wrong(key, expected);
    found.push_back(rate.get<int>());
  }
  return found;
}

RopeShape rope(ConfigKeys& keys, const fs::path& file, const DecoderShape& s) {
  RopeParameters rope;
  rope.base = keys.real("rope_theta", 10'000);
  rope.dims = s.head_dim;
  rope.context = s.max_model_len;
  const json& stated = keys["rope_parameters"];
  if (!stated.is_null()) {
    if (!stated.is_object()) keys.wrong("rope_parameters", "an object");
    ConfigKeys inner(file, stated, "code2wav_config.rope_parameters.");
    rope.base = inner.real("rope_theta", rope.base);
    for (const char* key : {"rope_type", "type"})
      if (inner.has(key) && inner[key] != "default") inner.wrong(key, "default");
    if (!(rope.base > 0)) inner.wrong("rope_theta", "a number above 0");
    inner.refuse_others(false, "code2wav");
  }
  if (!keys["rope_scaling"].is_null()) keys.wrong("rope_scaling", "null");
  if (!(rope.base > 0)) keys.wrong("rope_theta", "a number above 0");
  auto made = make_rope(rope);
  if (!made) refuse(file, "code2wav_config: " + made.error().message, made.error().code);
  return *made;
}

DecoderShape transformer(ConfigKeys& keys, const fs::path& file) {
  DecoderShape s;
  s.layers = count(keys, "num_hidden_layers", 8, 256);
  s.hidden = count(keys, "hidden_size", 1024, 1 << 16);
  s.heads = count(keys, "num_attention_heads", 16, 1024);
  s.kv_heads = count(keys, "num_key_value_heads", 16, 1024);
  s.head_dim = count(keys, "head_dim", std::max(s.hidden / s.heads, 1), 1024);
  s.mlp = count(keys, "intermediate_size", 3072, 1 << 20);
  s.vocab = 1;
  s.max_model_len = count(keys, "max_position_embeddings", 8000, 1 << 24);
  s.norm_eps = static_cast<float>(keys.real("rms_norm_eps", 1e-5));
  if (!(s.norm_eps >= 0)) keys.wrong("rms_norm_eps", "0 or more");
  if (s.heads % s.kv_heads != 0)
    keys.wrong("num_key_value_heads",
               "a divisor of num_attention_heads (" + std::to_string(s.heads) + ")");
  if (s.head_dim % 2 != 0) keys.wrong("head_dim", "an even number");
  const json& activation = keys["hidden_act"];
  if (activation == "gelu") s.activation = Activation::gelu;
  else if (activation == "gelu_pytorch_tanh") s.activation = Activation::gelu_tanh;
  else if (!activation.is_null() && activation != "silu")
    keys.wrong("hidden_act", "silu, gelu or gelu_pytorch_tanh");
  s.ropes = {rope(keys, file, s)};
  const int window = count(keys, "sliding_window", 72, 1 << 16);
  s.each_layer.assign(static_cast<std::size_t>(s.layers), {.window = window, .rope = 0});
  const json& types = keys["layer_types"];
  for (const json& type : types.is_array() ? types : json::array())
    if (type != "sliding_attention") keys.wrong("layer_types", "sliding_attention alone");
  if (!types.is_null() && (!types.is_array() || types.size() != s.each_layer.size()))
    keys.wrong("layer_types", "a word for each of the " + std::to_string(s.layers) + " layers");
  return s;
}

}  // namespace

int Code2WavShape::samples_per_frame() const {
  int samples = 1;
  for (const int ratio : ratios) samples *= ratio;
  for (const int rate : rates) samples *= rate;
  return samples;
}

int Code2WavShape::missing_samples() const {
  if (!looks_ahead) return 0;
  int missing = 0;
  for (const int rate : rates) missing = (missing + 1) * rate;
  return missing;
}

Code2WavShape read_code2wav_config(const fs::path& path) {
  const json config = read_json(path);
  ConfigKeys top(path, config);
  if (top["model_type"] != "qwen3_omni_moe") top.wrong("model_type", "qwen3_omni_moe");
  const json& object = top["code2wav_config"];
  if (!object.is_object()) top.wrong("code2wav_config", "an object");
  ConfigKeys keys(path, object, "code2wav_config.");
  Code2WavShape shape;
  shape.looks_ahead = true;
  shape.transformer = transformer(keys, path);
  shape.attention_bias = keys.flag("attention_bias", false);
  shape.codebooks = count(keys, "num_quantizers", 16, 256);
  shape.codebook_size = count(keys, "codebook_size", 2048, 1 << 20);
  shape.ratios = rates(keys, "upsampling_ratios", {2, 2});
  shape.rates = rates(keys, "upsample_rates", {8, 5, 4, 3});
  shape.channels = count(keys, "decoder_dim", 1536, 1 << 16);
  std::int64_t samples = 1;
  for (const auto* list : {&shape.ratios, &shape.rates})
    for (const int rate : *list)
      if ((samples *= rate) > most_samples_per_frame)
        keys.wrong(list == &shape.rates ? "upsample_rates" : "upsampling_ratios",
                   "a product of all rates of at most " + std::to_string(most_samples_per_frame));
  if (shape.channels_of(shape.rates.size()) < 1)
    keys.wrong("decoder_dim", std::to_string(1 << shape.rates.size()) +
                                  " or more: each of the upsample_rates halves it");
  // Of the encoder of the same codes, and how the training began.
  for (const char* key :
       {"codebook_dim", "num_semantic_quantizers", "semantic_codebook_size",
        "vector_quantization_hidden_dimension", "layer_scale_initial_scale", "model_type"})
    (void)keys[key];
  keys.refuse_others(true, "code2wav of qwen3_omni_moe");
  return shape;
}

}  // namespace limelight::stages
