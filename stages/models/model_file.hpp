// A published model in files: its shape, its tokenizer and its weights by name. The files are
// mapped; weights are not copied.
//
//   format       files                                                          read by
//   GGUF 2, 3    one .gguf file                                                 gguf.cpp
//   safetensors  one file, or shards with an index; and beside them             safetensors.cpp
//                config.json, tokenizer.json and
//                generation_config.json
//
// Supported are the families of architectures.hpp, Qwen2.5-Omni (its token2wav has files of its
// own: token2wav_model.hpp), Qwen3-Omni and Qwen3-TTS (its code2wav has files of its own, too:
// code2wav_model.hpp). Nothing that changes results is left unread: a key that
// is not obeyed, and a tensor that no part of the network uses, are errors. Files are not trusted:
// every count, length and offset is compared with the size of the file before it is used. An error
// names the file, the offset or key, what was found and what was expected. A ModelFile does not
// change after open(), so any thread may read it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limelight/config.hpp>
#include <limelight/result.hpp>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/mapped_file.hpp"
#include "stages/devices/blocks.hpp"
#include "stages/models/architectures.hpp"
#include "stages/models/qwen2_5_omni.hpp"
#include "stages/models/qwen3_omni.hpp"
#include "stages/models/qwen3_tts.hpp"
#include "stages/models/tokenizer_spec.hpp"

namespace limelight::stages {

struct FileTensor {
  WeightType type = WeightType::f32;
  std::uint64_t rows = 1, cols = 0;  // row-major; a vector is one row
  const std::byte* data = nullptr;
  std::uint64_t row_bytes() const {
    return cols / block_format(type).values * block_format(type).bytes;
  }
};

class ModelFile {
 public:
  // path: a .gguf file, a .safetensors file, the index of shards, or a folder with one of them.
  // part: which of its networks; a text model is a thinker, and qwen2_5_omni.hpp, qwen3_omni.hpp
  // and qwen3_tts.hpp have the parts of those.
  // Errors: not_found, corrupt, unavailable (names the architecture, tensor type or tokenizer that
  // is not supported).
  static Result<std::shared_ptr<const ModelFile>> open(const std::filesystem::path& path,
                                                       std::string_view part = "thinker");

  // Of the part's decoder. max_model_len is what the model was made for.
  const DecoderShape& shape() const noexcept { return shape_; }
  // Whether norms are stored as what they add to 1.
  bool norms_from_one() const noexcept { return norms_from_one_; }
  const TokenizerSpec& tokenizer() const noexcept { return tokenizer_; }
  // What generation_config.json recommends; the usual defaults where there is none.
  const SamplingParams& sampling() const noexcept { return sampling_; }
  // name: one of those that Decoder asks for, the same for both formats: embed_tokens, lm_head,
  // norm, layers.<n>.q_proj, layers.<n>.q_proj.bias, layers.<n>.input_norm and so on. Returns
  // nullptr if the model has no such tensor.
  const FileTensor* find(std::string_view name) const;
  // What the tensors take in the files, which is what they take in memory once they were read.
  std::uint64_t weight_bytes() const noexcept;
  const std::filesystem::path& path() const noexcept { return path_; }
  // What only Qwen2.5-Omni has; nullptr for other models.
  const Qwen25Omni* qwen2_5_omni() const noexcept { return qwen2_5_ ? &*qwen2_5_ : nullptr; }
  // What both of them have to read sounds and pictures; nullptr for other models.
  const OmniMedia* media() const noexcept {
    if (omni_) return &*omni_;
    return qwen2_5_ ? &*qwen2_5_ : nullptr;
  }
  // What only Qwen3-Omni has; nullptr for other models.
  const Qwen3Omni* omni() const noexcept { return omni_ ? &*omni_ : nullptr; }
  // What only Qwen3-TTS has; nullptr for other models.
  const Qwen3Tts* tts() const noexcept { return tts_ ? &*tts_ : nullptr; }

 private:
  friend struct GgufReader;
  friend struct SafetensorsReader;
  ModelFile() = default;
  // Takes fused and stacked tensors apart, then checks that the tensors are those of decoders of
  // these shapes, and the others: each one there, with the right extents, and no other. Errors:
  // corrupt and unavailable, with the tensor's name.
  Result<void> check(std::span<const NamedDecoder> decoders,
                     std::span<const ExpectedTensor> others = {});
  Result<void> prepare(const NamedDecoder& decoder);
  Result<void> take_apart(const std::string& name,
                          const std::vector<std::pair<std::string, int>>& parts,
                          int cols);
  Result<void> take_experts_apart(const std::string& at, const DecoderShape& shape);

  std::filesystem::path path_;
  std::vector<std::shared_ptr<const MappedFile>> files_;
  std::map<std::string, FileTensor, std::less<>> tensors_;
  DecoderShape shape_;
  bool norms_from_one_ = false;
  TokenizerSpec tokenizer_;
  SamplingParams sampling_;
  std::optional<Qwen25Omni> qwen2_5_;
  std::optional<Qwen3Omni> omni_;
  std::optional<Qwen3Tts> tts_;
};

// The folder that `limelight fetch` saves models in: $XDG_CACHE_HOME/limelight or
// ~/.cache/limelight.
std::filesystem::path model_cache();
// Returns the path of the model that a config names. A name without '/' and '.', such as "smollm2",
// is first looked up in the cache. Otherwise it is a path, relative to `folder` or to the working
// directory. If nothing is found, the result is the path at which the model was expected.
std::filesystem::path find_model(const std::string& name, const std::filesystem::path& folder);

// Sets the regular expressions of the pre-tokenizer that GGUF knows as `name`. Errors: unavailable
// (an unknown name).
Result<void> set_pre_tokenizer(const std::string& name, TokenizerSpec& spec);

// Called by ModelFile::open().
Result<std::shared_ptr<const ModelFile>> open_gguf(const std::filesystem::path& path);
Result<std::shared_ptr<const ModelFile>> open_safetensors(const std::filesystem::path& folder,
                                                          const std::filesystem::path& file,
                                                          std::string_view part);

}  // namespace limelight::stages
