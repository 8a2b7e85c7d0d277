// The metadata of a GGUF file, and what it says of the network.
#pragma once

#include <filesystem>
#include <limelight/config.hpp>
#include <limelight/shape.hpp>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "stages/models/architectures.hpp"
#include "stages/models/model_file.hpp"

namespace limelight::stages {

// Its texts are in the mapped file.
class GgufMetadata {
 public:
  using Value =
      std::variant<double, std::string_view, std::vector<std::string_view>, std::vector<double>>;

  explicit GgufMetadata(std::filesystem::path file) : file_(std::move(file)) {}
  const std::filesystem::path& file() const noexcept { return file_; }
  bool add(std::string_view key, Value value) { return all_.emplace(key, std::move(value)).second; }

  // nullptr without the key. Throws a ModelRefusal if its value is of another type.
  template <class T>
  const T* find(const std::string& key) const {
    asked_.insert(key);
    const auto entry = all_.find(key);
    if (entry == all_.end()) return nullptr;
    const T* value = std::get_if<T>(&entry->second);
    if (value == nullptr) refuse_type(key, entry->second, Value(T{}));
    return value;
  }
  // A finite number. Throws a ModelRefusal if the key has another value.
  std::optional<double> number(const std::string& key) const;
  std::optional<int> whole(const std::string& key) const;
  int needed(const std::string& key) const;  // a whole number, or a ModelRefusal
  // Throws a ModelRefusal for each key below `prefix` that was not asked for.
  void refuse_others(const std::string& prefix, const std::set<std::string_view>& harmless) const;

 private:
  [[noreturn]] void refuse_type(const std::string& key,
                                const Value& found,
                                const Value& expected) const;

  std::filesystem::path file_;
  std::map<std::string_view, Value> all_;
  mutable std::set<std::string, std::less<>> asked_;
};

// Throws a ModelRefusal: unavailable (names the architecture, or a key that would change results).
const Architecture& gguf_architecture(const GgufMetadata& metadata);
// Maps GGUF's name of a tensor to ModelFile's: "blk.0.attn_q.weight" to "layers.0.q_proj". Empty if
// no decoder of this architecture uses the tensor.
std::string gguf_tensor_name(std::string_view name, const Architecture& architecture);
// tensors: by ModelFile's names; those that are parameters of RoPE are taken out.
DecoderShape gguf_shape(const GgufMetadata& metadata,
                        const Architecture& architecture,
                        std::map<std::string, FileTensor, std::less<>>& tensors);

TokenizerSpec gguf_tokenizer(const GgufMetadata& metadata);
// What the model's authors recommend.
SamplingParams gguf_sampling(const GgufMetadata& metadata);

}  // namespace limelight::stages
