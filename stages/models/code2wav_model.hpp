// The network that turns codes into a waveform, as files state it: its shape and its tensors.
//
//   config.json                part of the files  source
//   qwen3_omni_moe             code2wav.          transformers 5, models/qwen3_omni_moe
//   qwen3_tts_tokenizer_12hz   decoder.           qwen-tts 0.1 (PyPI), core/tokenizer_12hz; it
//                                                 lies in the folder speech_tokenizer of a
//                                                 qwen3_tts
//
// Every key of its config is obeyed, known to change nothing, or refused by name, and so is every
// tensor; a model does not change after open(), so any thread may read it.
#pragma once

#include <filesystem>
#include <limelight/result.hpp>
#include <limelight/shape.hpp>
#include <memory>
#include <string>
#include <vector>

#include "stages/models/tensor_files.hpp"

namespace limelight::stages {

struct Code2WavShape {
  DecoderShape transformer;
  bool attention_bias = false;
  int codebooks = 0, codebook_size = 0;
  std::vector<int> ratios;  // of the upsampling before the decoder of waves
  int channels = 0;         // of the first convolution after it; each block halves them
  std::vector<int> rates;   // of the blocks
  // Of Qwen3-TTS: the width of the rows around the transformer, and of those that the codebooks
  // give. 0: the codebooks give the transformer's own rows.
  int latent = 0, quantized = 0;
  int width() const { return latent > 0 ? latent : transformer.hidden; }
  const char* prefix() const { return latent > 0 ? "decoder." : "code2wav."; }  // in the files
  // Each block gives what it computes for a row once the next row is there, and nothing for the
  // last one: it is `rate` rows shorter than a causal one.
  bool looks_ahead = false;

  int samples_per_frame() const;
  int missing_samples() const;  // that the waveform is shorter than its frames
  int channels_of(std::size_t block) const { return channels >> block; }
};

// The tensors of a network of this shape, and no others.
std::vector<NamedShape> code2wav_tensors(const Code2WavShape& shape);

class Code2WavModel {
 public:
  // path: the model's folder, or one of a qwen3_tts, or a safetensors file or index with
  // config.json beside it. Errors: not_found, corrupt, unavailable; they name file and key or
  // tensor, what was found and what was expected.
  static Result<std::shared_ptr<const Code2WavModel>> open(const std::filesystem::path& path);

  const Code2WavShape& shape() const noexcept { return shape_; }
  const StoredTensor& tensor(const std::string& name) const { return *files_->find(name); }
  const TensorFiles& files() const noexcept { return *files_; }
  bool has(const std::string& name) const { return files_->find(name) != nullptr; }
  const std::filesystem::path& path() const noexcept { return files_->path(); }
  std::uint64_t bytes() const { return files_->bytes_as_floats(); }  // once they are packed

 private:
  Code2WavModel() = default;

  Code2WavShape shape_;
  std::shared_ptr<const TensorFiles> files_;
};

// The shape in config.json. Throws a ModelRefusal.
Code2WavShape read_code2wav_config(const std::filesystem::path& config_json);

}  // namespace limelight::stages
