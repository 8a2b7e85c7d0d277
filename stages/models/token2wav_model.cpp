#include "stages/models/token2wav_model.hpp"

#include <algorithm>

#include "base/try.hpp"
#include "stages/models/refusal.hpp"

namespace limelight::stages {

namespace {

std::string number(std::size_t i) { return std::to_string(i); }

void add_speaker(const SpeakerShape& s, const std::string& at, NamedShapes& names) {
  const auto convolution = [&](const std::string& name, int out, int in, int kernel) {
    names.both(at + name, {out, in, kernel}, out);
  };
  convolution("blocks.0.conv", s.channels[0], s.bands, s.kernels[0]);
  for (std::size_t i = 1; i + 1 < s.channels.size(); ++i) {
    const std::string block = "blocks." + number(i) + ".";
    const int width = s.channels[i], part = width / s.scale;
    convolution(block + "tdnn1.conv", width, s.channels[i - 1], 1);
    for (int group = 0; group + 1 < s.scale; ++group)
      convolution(block + "res2net_block.blocks." + std::to_string(group) + ".conv", part, part,
                  s.kernels[i]);
    convolution(block + "tdnn2.conv", width, width, 1);
    convolution(block + "se_block.conv1", s.squeezed, width, 1);
    convolution(block + "se_block.conv2", width, s.squeezed, 1);
  }
  const int last = s.channels.back();
  convolution("mfa.conv", last, last, s.kernels.back());
  convolution("asp.tdnn.conv", s.attention, 3 * last, 1);
  convolution("asp.conv", last, s.attention, 1);
  convolution("fc", s.out, 2 * last, 1);
}

void add_transformer(const DiffusionShape& s, const std::string& at, NamedShapes& names) {
  const int h = s.hidden, inner = s.heads * s.head_dim;
  const auto linear = [&](const std::string& name, int out, int in) {
    names.both(at + name, {out, in}, out);
  };
  linear("time_embed.time_mlp.0", h, 256);
  linear("time_embed.time_mlp.2", h, h);
  names.add(at + "text_embed.codec_embed.weight", {s.codes + 1, s.code_width});
  linear("input_embed.proj", h, s.bands + s.speaker.out + s.voice_width + s.code_width);
  add_speaker(s.speaker, at + "input_embed.spk_encoder.", names);
  for (int l = 0; l < s.layers; ++l) {
    const std::string layer = "transformer_blocks." + std::to_string(l) + ".";
    linear(layer + "attn_norm.linear", 6 * h, h);
    for (const char* name : {"to_q", "to_k", "to_v"}) linear(layer + "attn." + name, inner, h);
    linear(layer + "attn.to_out.0", h, inner);
    linear(layer + "ff.ff.0", s.mlp, h);
    linear(layer + "ff.ff.3", h, s.mlp);
  }
  linear("norm_out.linear", 2 * h, h);
  linear("proj_out", s.bands, h);
}

void add_vocoder(const VocoderShape& s, const std::string& at, NamedShapes& names) {
  const auto snake = [&](const std::string& name, int width) {
    names.add(at + name + ".act.alpha", {width});
    names.add(at + name + ".act.beta", {width});
  };
  names.both(at + "conv_pre", {s.channels, s.bands, 7}, s.channels);
  for (std::size_t level = 0; level < s.rates.size(); ++level) {
    const int in = s.channels_of(level), out = s.channels_of(level + 1);
    names.both(at + "ups." + number(level) + ".0", {in, out, s.kernels[level]}, out);
    for (std::size_t unit = 0; unit < s.unit_kernels.size(); ++unit) {
      const std::string block = "resblocks." + number(level * s.unit_kernels.size() + unit) + ".";
      for (std::size_t i = 0; i < 3; ++i)
        for (const char* name : {"convs1.", "convs2."})
          names.both(at + block + name + number(i), {out, out, s.unit_kernels[unit]}, out);
      for (std::size_t i = 0; i < 6; ++i) snake(block + "activations." + number(i), out);
    }
  }
  const int last = s.channels_of(s.rates.size());
  snake("activation_post", last);
  names.add(at + "conv_post.weight", {1, last, 7});
}

}  // namespace

int SpeakerShape::least_frames() const {
  int most = 0;
  for (std::size_t i = 0; i < kernels.size(); ++i)
    most =
        std::max(most, dilations[i] * (kernels[i] - 1) / 2 + dilations[i] * (kernels[i] - 1) % 2);
  return most + 1;
}

int VocoderShape::samples_per_frame() const {
  int product = 1;
  for (const int rate : rates) product *= rate;
  return product;
}

std::int64_t VocoderShape::samples(std::int64_t frames) const {
  for (std::size_t i = 0; i < rates.size() && frames > 0; ++i)
    frames = (frames - 1) * rates[i] - (kernels[i] - rates[i]) / 2 * 2 + kernels[i];
  return frames;
}

// From the last part to the first: the rows of a part on each side that a row of the waveform
// depends on.
int VocoderShape::context() const {
  constexpr int smooth = 5;  // of a Snake between its filters
  int rows = 3 + smooth;
  for (std::size_t level = rates.size(); level-- > 0;) {
    int most = 0;
    for (std::size_t unit = 0; unit < unit_kernels.size(); ++unit) {
      int sum = 0;
      for (const int dilation : dilations[unit])
        sum += 2 * smooth + (dilation + 1) * (unit_kernels[unit] - 1) / 2;
      most = std::max(most, sum);
    }
    rows = (rows + most + kernels[level]) / rates[level] + 1;
  }
  return rows + 3;
}

std::vector<NamedShape> token2wav_tensors(const Token2WavShape& shape) {
  NamedShapes names;
  add_transformer(shape.transformer, "code2wav_dit_model.", names);
  add_vocoder(shape.vocoder, "code2wav_bigvgan_model.", names);
  return std::move(names.all);
}

Result<std::shared_ptr<const Token2WavModel>> Token2WavModel::open(
    const std::filesystem::path& path) {
  std::error_code failed;
  const auto folder = std::filesystem::is_directory(path, failed) ? path : path.parent_path();
  std::shared_ptr<Token2WavModel> model(new Token2WavModel);
  try {
    model->shape_ = read_token2wav_config(folder / "config.json");
    const DiffusionShape& s = model->shape_.transformer;
    model->voices_ = read_voices(folder, s.voice_width, s.bands, s.speaker.least_frames());
  } catch (const ModelRefusal& refusal) {
    return refusal.error;
  }
  auto files = TensorFiles::open(path, "token2wav.");
  if (!files) return files.error();
  model->files_ = std::move(files).value();
  LIMELIGHT_TRY(check_tensors(*model->files_, token2wav_tensors(model->shape_), "token2wav.",
                              {"rotary_embed.inv_freq", "upsample.filter", "downsample.filter",
                               "downsample.lowpass.filter"}));
  return std::shared_ptr<const Token2WavModel>(model);
}

}  // namespace limelight::stages
