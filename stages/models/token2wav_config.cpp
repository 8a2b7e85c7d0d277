// Reads what config.json says of token2wav. The defaults are those of the classes that are named in
// token2wav_model.hpp.
#include <algorithm>

#include "stages/models/config_keys.hpp"
#include "stages/models/hf_files.hpp"
#include "stages/models/token2wav_model.hpp"

namespace limelight::stages {

using nlohmann::json;
namespace fs = std::filesystem;

namespace {

constexpr int most_width = 1 << 16, most_kernel = 64, most_upsampling = 64, most_dilation = 1 << 10;
constexpr std::size_t most_blocks = 64, most_levels = 8;
constexpr std::int64_t most_frame_samples = 1 << 20;

// The names of the first published files beside those that are read: they have to agree.
void same(ConfigKeys& keys, const char* key, int value) {
  if (keys.has(key) && keys.whole(key, value) != value)
    keys.wrong(key, std::to_string(value) + ", as its newer name says");
}

SpeakerShape speaker(ConfigKeys& keys, int bands) {
  SpeakerShape s{
      .bands = bands,
      .channels = keys.counts("enc_channels", {256, 256, 256, 256, 768}, most_blocks, most_width),
      .kernels = keys.counts("enc_kernel_sizes", {5, 3, 3, 3, 1}, most_blocks, most_kernel),
      .dilations = keys.counts("enc_dilations", {1, 2, 3, 4, 1}, most_blocks, most_dilation),
      .scale = keys.count("enc_res2net_scale", 2, 1024),
      .squeezed = keys.count("enc_se_channels", 64, most_width),
      .attention = keys.count("enc_attention_channels", 64, most_width),
      .out = keys.count("enc_dim", 128, most_width)};
  const std::size_t blocks = s.channels.size();
  if (blocks < 3) keys.wrong("enc_channels", "3 numbers or more");
  for (const auto& [key, list] :
       {std::pair{"enc_kernel_sizes", &s.kernels}, {"enc_dilations", &s.dilations}})
    if (list->size() != blocks)
      keys.wrong(key, "as many numbers as enc_channels, " + std::to_string(blocks));
  int sum = 0;
  for (std::size_t i = 1; i + 1 < blocks; ++i) {
    sum += s.channels[i];
    if (s.channels[i] != s.channels[i - 1])
      keys.wrong("enc_channels", "the same number for all but the last: each is added to the next");
    if (s.channels[i] % s.scale != 0)
      keys.wrong("enc_res2net_scale", "a divisor of " + std::to_string(s.channels[i]));
  }
  if (s.channels.back() != sum)
    keys.wrong("enc_channels", "the sum of those between the first and the last, " +
                                   std::to_string(sum) + ", as the last");
  return s;
}

// Which of the layers are named.
std::vector<int> layers_in(ConfigKeys& keys, const char* key, std::vector<int> named, int layers) {
  const json& list = keys[key];
  if (!list.is_null()) {
    named.clear();
    if (!list.is_array()) keys.wrong(key, "a list of layers");
    for (const json& layer : list) {
      if (!layer.is_number_integer()) keys.wrong(key, "a list of layers");
      const auto number = layer.get<std::int64_t>();
      // A layer that is not there has no say, as in the reference.
      if (number >= 0 && number < layers) named.push_back(static_cast<int>(number));
    }
  }
  std::vector<int> of_each(static_cast<std::size_t>(layers), 0);
  for (const int layer : named)
    if (layer < layers) of_each[static_cast<std::size_t>(layer)] = 1;
  return of_each;
}

DiffusionShape transformer(ConfigKeys keys) {
  DiffusionShape s;
  s.layers = keys.count("num_hidden_layers", 22, 1024);
  s.hidden = keys.count("hidden_size", 1024, most_width);
  s.heads = keys.count("num_attention_heads", 16, 1024);
  s.head_dim = keys.count("head_dim", 64, 1024);
  if (s.head_dim % 2 != 0) keys.wrong("head_dim", "an even number");
  s.mlp = s.hidden * keys.count("ff_mult", 2, 64);
  s.bands = keys.count("mel_dim", 80, 4096);
  s.codes = keys.count("num_embeds", 8193, 1 << 24);
  s.code_width = keys.count("emb_dim", 512, most_width);
  s.voice_width = keys.count("enc_emb_dim", 192, most_width);
  s.repeats = keys.count("repeats", 2, 64);
  s.block = keys.count("block_size", 24, 1 << 20);
  s.ahead = layers_in(keys, "look_ahead_layers", {10}, s.layers);
  s.before = layers_in(keys, "look_backward_layers", {0, 20}, s.layers);
  s.most_frames = keys.count("max_position_embeddings", 32768, 1 << 20);
  if (s.most_frames < s.repeats)
    keys.wrong("max_position_embeddings", "repeats (" + std::to_string(s.repeats) + ") or more");
  s.speaker = speaker(keys, s.bands);
  s.rope = read_default_rope(keys, "token2wav_config.dit_config.", s.head_dim, s.most_frames);
  same(keys, "depth", s.layers);
  same(keys, "dim", s.hidden);
  same(keys, "heads", s.heads);
  // dropout is of the training. The others are in the published file and nobody reads them.
  for (const char* key : {"dropout", "enc_lin_neurons", "enc_global_context", "model_type"})
    (void)keys[key];
  keys.refuse_others(true, "the transformer of token2wav");
  return s;
}

std::vector<std::vector<int>> dilations(ConfigKeys& keys, std::size_t units) {
  const char* key = "resblock_dilation_sizes";
  const json& list = keys[key];
  std::vector<std::vector<int>> found;
  if (list.is_null()) found.assign(3, {1, 3, 5});
  const std::string expected = "three numbers of 1 to " + std::to_string(most_dilation) +
                               " for each of the " + std::to_string(units) +
                               " resblock_kernel_sizes";
  if (!list.is_null() && !list.is_array()) keys.wrong(key, expected);
  for (const json& one : list) {
    if (!one.is_array() || one.size() != 3) keys.wrong(key, expected);
    for (const json& dilation : one)
      if (!dilation.is_number_unsigned() || dilation.get<std::uint64_t>() < 1 ||
          dilation.get<std::uint64_t>() > most_dilation)
        keys.wrong(key, expected);
    found.push_back(one.get<std::vector<int>>());
  }
  if (found.size() != units) keys.wrong(key, expected);
  return found;
}

VocoderShape vocoder(ConfigKeys keys) {
  VocoderShape s;
  s.bands = keys.count("mel_dim", 80, 4096);
  s.channels = keys.count("upsample_initial_channel", 1536, most_width);
  s.rates = keys.counts("upsample_rates", {5, 3, 2, 2, 2, 2}, most_levels, most_upsampling);
  s.kernels = keys.counts("upsample_kernel_sizes", {11, 7, 4, 4, 4, 4}, most_levels, most_kernel);
  s.unit_kernels = keys.counts("resblock_kernel_sizes", {3, 7, 11}, most_levels, most_kernel);
  s.dilations = dilations(keys, s.unit_kernels.size());
  if (s.unit_kernels.empty()) keys.wrong("resblock_kernel_sizes", "one number or more");
  for (std::size_t unit = 0; unit < s.unit_kernels.size(); ++unit)
    if (s.unit_kernels[unit] % 2 == 0)
      keys.wrong("resblock_kernel_sizes", "odd numbers: what a unit gives is added to its input");
  if (s.rates.size() != s.kernels.size())
    keys.wrong("upsample_kernel_sizes",
               "as many numbers as upsample_rates, " + std::to_string(s.rates.size()));
  std::int64_t samples = 1;
  for (std::size_t level = 0; level < s.rates.size(); ++level) {
    if (s.kernels[level] < s.rates[level])
      keys.wrong("upsample_kernel_sizes", "none smaller than its upsample_rate");
    if ((samples *= s.rates[level]) > most_frame_samples)
      keys.wrong("upsample_rates", "a product of at most " + std::to_string(most_frame_samples));
  }
  if (s.channels_of(s.rates.size()) < 1)
    keys.wrong("upsample_initial_channel", std::to_string(1 << s.rates.size()) +
                                               " or more: each of the upsample_rates halves it");
  if (keys.flag("use_bias_at_final", false)) keys.wrong("use_bias_at_final", "false");
  (void)keys["model_type"];
  keys.refuse_others(true, "the vocoder of token2wav");
  return s;
}

}  // namespace

Token2WavShape read_token2wav_config(const fs::path& path) {
  const json config = read_json(path);
  ConfigKeys top(path, config);
  if (top["model_type"] != "qwen2_5_omni") top.wrong("model_type", "qwen2_5_omni");
  if (!top.flag("enable_audio_output", true))
    top.wrong("enable_audio_output", "true: this model has no token2wav");
  const json& object = top["token2wav_config"];
  if (!object.is_object()) top.wrong("token2wav_config", "an object");
  ConfigKeys keys(path, object, "token2wav_config.");
  const auto part = [&](const char* key) {
    if (!keys[key].is_object()) keys.wrong(key, "an object");
    return ConfigKeys(path, keys[key], std::string("token2wav_config.").append(key) + ".");
  };
  Token2WavShape shape{.transformer = transformer(part("dit_config")),
                       .vocoder = vocoder(part("bigvgan_config"))};
  if (shape.vocoder.bands != shape.transformer.bands)
    keys.wrong("bigvgan_config", "mel_dim " + std::to_string(shape.transformer.bands) +
                                     ", as dit_config has: one reads what the other gives");
  (void)keys["model_type"];
  keys.refuse_others(true, "token2wav of qwen2_5_omni");
  return shape;
}

}  // namespace limelight::stages
