// Reads what config.json says of code2wav. The defaults are those of the classes that are named in
// code2wav_model.hpp.
#include "stages/models/code2wav_model.hpp"
#include "stages/models/config_keys.hpp"
#include "stages/models/hf_files.hpp"

namespace limelight::stages {

using nlohmann::json;
namespace fs = std::filesystem;

namespace {

constexpr int most_rates = 8, most_rate = 64, most_samples_per_frame = 1 << 20;

DecoderShape transformer(ConfigKeys& keys, const std::string& at) {
  DecoderShape s;
  s.layers = keys.count("num_hidden_layers", 8, 256);
  s.hidden = keys.count("hidden_size", 1024, 1 << 16);
  s.heads = keys.count("num_attention_heads", 16, 1024);
  s.kv_heads = keys.count("num_key_value_heads", 16, 1024);
  s.head_dim = keys.count("head_dim", std::max(s.hidden / s.heads, 1), 1024);
  s.mlp = keys.count("intermediate_size", 3072, 1 << 20);
  s.vocab = 1;
  s.max_model_len = keys.count("max_position_embeddings", 8000, 1 << 24);
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
  s.ropes = {read_default_rope(keys, at, s.head_dim, s.max_model_len)};
  const int window = keys.count("sliding_window", 72, 1 << 16);
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

namespace {

// What both kinds of networks have.
Code2WavShape read_shape(ConfigKeys& keys, const std::string& at) {
  Code2WavShape shape;
  shape.transformer = transformer(keys, at);
  shape.attention_bias = keys.flag("attention_bias", false);
  shape.codebooks = keys.count("num_quantizers", 16, 256);
  shape.codebook_size = keys.count("codebook_size", 2048, 1 << 20);
  shape.ratios = keys.counts("upsampling_ratios", {2, 2}, most_rates, most_rate);
  shape.rates = keys.counts("upsample_rates", {8, 5, 4, 3}, most_rates, most_rate);
  shape.channels = keys.count("decoder_dim", 1536, 1 << 16);
  std::int64_t samples = 1;
  for (const auto* list : {&shape.ratios, &shape.rates})
    for (const int rate : *list)
      if ((samples *= rate) > most_samples_per_frame)
        keys.wrong(list == &shape.rates ? "upsample_rates" : "upsampling_ratios",
                   "a product of all rates of at most " + std::to_string(most_samples_per_frame));
  if (shape.channels_of(shape.rates.size()) < 1)
    keys.wrong("decoder_dim", std::to_string(1 << shape.rates.size()) +
                                  " or more: each of the upsample_rates halves it");
  // How the training began.
  for (const char* key : {"layer_scale_initial_scale", "model_type"}) (void)keys[key];
  return shape;
}

Code2WavShape read_qwen3_omni(ConfigKeys& top) {
  const json& object = top["code2wav_config"];
  if (!object.is_object()) top.wrong("code2wav_config", "an object");
  ConfigKeys keys(top.file(), object, "code2wav_config.");
  Code2WavShape shape = read_shape(keys, "code2wav_config.");
  shape.looks_ahead = true;
  // Of the encoder of the same codes.
  for (const char* key : {"codebook_dim", "num_semantic_quantizers", "semantic_codebook_size",
                          "vector_quantization_hidden_dimension"})
    (void)keys[key];
  keys.refuse_others(true, "code2wav of qwen3_omni_moe");
  return shape;
}

Code2WavShape read_qwen3_tts(ConfigKeys& top) {
  const json& object = top["decoder_config"];
  if (!object.is_object()) top.wrong("decoder_config", "an object");
  ConfigKeys keys(top.file(), object, "decoder_config.");
  Code2WavShape shape = read_shape(keys, "decoder_config.");
  shape.latent = keys.count("latent_dim", 1024, 1 << 16);
  shape.quantized = keys.count("codebook_dim", -1, 1 << 16);
  if (shape.quantized % 2 != 0) keys.wrong("codebook_dim", "an even number");
  if (shape.codebooks < 2) keys.wrong("num_quantizers", "2 or more");
  // In published files, and nobody reads them: the first codebook is as large as the others, and
  // there is no embedding of words.
  for (const char* key : {"num_semantic_quantizers", "semantic_codebook_size",
                          "vector_quantization_hidden_dimension", "tie_word_embeddings"})
    (void)keys[key];
  keys.refuse_others(true, "the decoder of qwen3_tts_tokenizer_12hz");
  if (top.whole("output_sample_rate", 24'000) != 24'000) top.wrong("output_sample_rate", "24000");
  if (const int rate = shape.samples_per_frame(); top.whole("decode_upsample_rate", 1920) != rate)
    top.wrong("decode_upsample_rate",
              std::to_string(rate) + ", the product of the rates in decoder_config");
  // Of the encoder.
  for (const char* key : {"encoder_config", "encoder_valid_num_quantizers", "input_sample_rate",
                          "encode_downsample_rate"})
    (void)top[key];
  top.refuse_others(true, "qwen3_tts_tokenizer_12hz");
  return shape;
}

}  // namespace

Code2WavShape read_code2wav_config(const fs::path& path) {
  const json config = read_json(path);
  ConfigKeys top(path, config);
  const json& type = top["model_type"];
  if (type == "qwen3_tts_tokenizer_12hz") return read_qwen3_tts(top);
  if (type != "qwen3_omni_moe")
    top.wrong("model_type", "qwen3_omni_moe, qwen2_5_omni or qwen3_tts_tokenizer_12hz");
  return read_qwen3_omni(top);
}

}  // namespace limelight::stages
