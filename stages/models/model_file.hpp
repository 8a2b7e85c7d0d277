// A published model as it lies in files: its shape, its tokenizer's words, and its weights by name,
// mapped and not copied.
//
// GGUF (version 2 and 3) and safetensors (one file, or shards with an index; beside config.json and
// tokenizer.json) of the Llama and Qwen2 families. Files are strangers: every count, length and
// offset is checked against the bytes that are there before it is used, and an error names file,
// offset, what was found and what was expected.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limelight/result.hpp>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mapped_file.hpp"
#include "stages/devices/blocks.hpp"

namespace limelight::stages {

struct FileTensor {
  WeightType type = WeightType::f32;
  std::uint64_t rows = 1, cols = 0;  // row-major; a vector is one row
  const std::byte* data = nullptr;
  std::uint64_t row_bytes() const {
    return cols / block_format(type).values * block_format(type).bytes;
  }
};

// What the file says of the network.
struct ModelSpec {
  std::string architecture;  // "llama" or "qwen2"
  int layers = 0, hidden = 0, heads = 0, kv_heads = 0, head_dim = 0, mlp = 0, vocab = 0,
      context = 0;
  float rms_eps = 1e-5f;
  float rope_base = 10'000;
  bool rope_interleaved =
      false;  // pairs are neighbours, as GGUF has it for llama; otherwise the halves of a head
  std::vector<float> rope_factors;  // divide the frequencies, one for each pair; empty: ones
};

// What the file says of its tokenizer: byte-level BPE.
struct TokenizerSpec {
  std::vector<std::string> tokens;  // by id, in the alphabet of byte-level BPE
  std::vector<std::string> merges;  // "left right", the most important first
  std::vector<bool> special;        // by id
  std::vector<std::string> splits;  // patterns, applied one after the other
  bool whole_words_first = false;   // a word that is a token needs no merges
  int bos = -1, eos = -1;
  bool add_bos = false;
  std::string chat_template;
};

class ModelFile {
 public:
  // path: a .gguf or .safetensors file, its index, or a folder with them. Errors: not_found,
  // corrupt, unavailable (an architecture, tensor type or tokenizer that is not supported: names
  // it).
  static Result<std::shared_ptr<const ModelFile>> open(const std::filesystem::path& path);

  const ModelSpec& spec() const noexcept { return spec_; }
  const TokenizerSpec& tokenizer() const noexcept { return tokenizer_; }
  // By the names that decoders use: embed_tokens, lm_head, norm, layers.<n>.q_proj,
  // layers.<n>.q_proj.bias, layers.<n>.input_norm ... nullptr: not there.
  const FileTensor* find(std::string_view name) const;
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  friend struct GgufReader;
  friend struct SafetensorsReader;
  ModelFile() = default;
  // Whether all that a decoder of this shape needs is there, in its shape. Errors: corrupt, with
  // the tensor's name.
  Result<void> check() const;

  std::filesystem::path path_;
  std::vector<std::shared_ptr<const MappedFile>> files_;
  std::map<std::string, FileTensor, std::less<>> tensors_;
  ModelSpec spec_;
  TokenizerSpec tokenizer_;
};

// Where models go that `limelight fetch` brings: $XDG_CACHE_HOME/limelight, or ~/.cache/limelight.
std::filesystem::path model_cache();
// A path, beside `folder` if it is relative and there; or the name of a model in the cache, such as
// "smollm2".
std::filesystem::path find_model(const std::string& name, const std::filesystem::path& folder);

// The regular expressions of known pre-tokenizers, by GGUF's name for them. Errors: unavailable.
Result<void> set_pre_tokenizer(const std::string& name, TokenizerSpec& spec);
// Llama 3's scaling (its config's rope_scaling) as one factor for each pair.
std::vector<float> llama3_rope_factors(
    int head_dim, float base, float factor, float low, float high, float original_context);

// The two formats; called by open().
Result<std::shared_ptr<const ModelFile>> open_gguf(const std::filesystem::path& path);
Result<std::shared_ptr<const ModelFile>> open_safetensors(const std::filesystem::path& folder,
                                                          const std::filesystem::path& file);

}  // namespace limelight::stages
