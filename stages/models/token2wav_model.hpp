// What makes sound of a Qwen2.5-Omni's codes, as files state it: the key token2wav_config of
// config.json, the tensors token2wav.*, and the voices of speakers.hpp. Three networks:
//
//   part                      network                                  here
//   code2wav_dit_model        codes to a log-mel spectrogram           diffusion_transformer.hpp
//     .input_embed.spk_encoder  the sample of a voice to a vector      speaker_encoder.hpp
//   code2wav_bigvgan_model    the spectrogram to a waveform            mel_vocoder.hpp
//
// Every key of the config is obeyed, known to change nothing, or refused by name, and so is every
// tensor; a model does not change after open(), so any thread may read it. Source: transformers 5,
// models/qwen2_5_omni.
#pragma once

#include <limelight/shape.hpp>

#include "stages/models/speakers.hpp"
#include "stages/models/tensor_files.hpp"

namespace limelight::stages {

// The encoder of a voice's sample.
struct SpeakerShape {
  int bands = 0;
  std::vector<int> channels, kernels, dilations;  // of each block; the last is of the sum of all
  int scale = 1;                                  // a block's channels are in so many groups
  int squeezed = 0, attention = 0;                // channels of these two parts of a block
  int out = 0;
  int least_frames() const;  // the borders are mirrored: shorter samples have none
  bool operator==(const SpeakerShape&) const = default;
};

// The transformer that a spectrogram is sampled with.
struct DiffusionShape {
  int layers = 0, hidden = 0, heads = 0, head_dim = 0, mlp = 0;
  int bands = 0;        // of the spectrogram
  int codes = 0;        // the largest code
  int code_width = 0;   // of the embedding of codes
  int voice_width = 0;  // of what a voice is conditioned by
  int repeats = 1;      // frames of the spectrogram for each code
  int block = 1;        // frames that attend to each other
  // How many blocks more a layer's rows see, after their own and before it: 0 or 1.
  std::vector<int> ahead, before;
  int most_frames = 0;
  RopeShape rope;  // of the first head
  SpeakerShape speaker;
  bool operator==(const DiffusionShape&) const = default;
};

// From the spectrogram to the waveform.
struct VocoderShape {
  int bands = 0, channels = 0;      // channels of the first convolution; each level halves them
  std::vector<int> rates, kernels;  // of the levels' transposed convolutions
  std::vector<int> unit_kernels;    // of the units of each level, whose mean it is
  std::vector<std::vector<int>> dilations;  // of each of the units' three convolutions
  int channels_of(std::size_t level) const { return channels >> level; }
  int samples_per_frame() const;
  // Of all frames: where a kernel is odd beside its rate, a level gives one row more.
  std::int64_t samples(std::int64_t frames) const;
  // Frames on each side of some that their samples depend on.
  int context() const;
  bool operator==(const VocoderShape&) const = default;
};

struct Token2WavShape {
  DiffusionShape transformer;
  VocoderShape vocoder;
  int most_codes() const { return transformer.most_frames / transformer.repeats; }
  bool operator==(const Token2WavShape&) const = default;
};

// The tensors of networks of this shape, and no others.
std::vector<NamedShape> token2wav_tensors(const Token2WavShape& shape);

class Token2WavModel {
 public:
  // path: the model's folder, or a safetensors file or index with config.json beside it. Errors:
  // not_found, corrupt, unavailable; they name file and key or tensor, what was found and what was
  // expected.
  static Result<std::shared_ptr<const Token2WavModel>> open(const std::filesystem::path& path);

  const Token2WavShape& shape() const noexcept { return shape_; }
  const std::map<std::string, Voice>& voices() const noexcept { return voices_; }
  const TensorFiles& files() const noexcept { return *files_; }
  const std::filesystem::path& path() const noexcept { return files_->path(); }
  std::uint64_t bytes() const { return files_->bytes_as_floats(); }  // once they are packed

 private:
  Token2WavModel() = default;

  Token2WavShape shape_;
  std::map<std::string, Voice> voices_;
  std::shared_ptr<const TensorFiles> files_;
};

// The shape in config.json. Throws a ModelRefusal.
Token2WavShape read_token2wav_config(const std::filesystem::path& config_json);

}  // namespace limelight::stages
