// The tensors of one part of a model in safetensors files, such as those of "code2wav." in a file
// or in shards with an index that hold other parts too. Files are mapped and not trusted: every
// length and offset is compared with the size of the file before it is used. Nothing changes after
// open(), so any thread may read.
#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <limelight/result.hpp>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/mapped_file.hpp"
#include "stages/devices/blocks.hpp"

namespace limelight::stages {

struct StoredTensor {
  WeightType type = WeightType::f32;  // f32, f16 or bf16
  std::vector<std::uint64_t> shape;
  std::uint64_t values = 1;  // their product
  const std::byte* data = nullptr;
  std::string shape_text() const;                                      // such as "[24, 12, 6]"
  std::vector<float> floats() const;                                   // all values, in order
  void read(std::uint64_t first, float* to, std::size_t count) const;  // some of them
};

class TensorFiles {
 public:
  // path: a .safetensors file, the index of shards, or a folder with model.safetensors or its
  // index. prefix: of the names of the tensors that are wanted; find() knows them without it.
  // Errors: not_found, corrupt, unavailable (a type of tensor); they name file and tensor.
  static Result<std::shared_ptr<const TensorFiles>> open(const std::filesystem::path& path,
                                                         std::string_view prefix);
  const StoredTensor* find(std::string_view name) const;  // nullptr if there is none
  const std::map<std::string, StoredTensor, std::less<>>& all() const noexcept { return tensors_; }
  const std::filesystem::path& path() const noexcept { return path_; }  // the file, or the index
  std::uint64_t bytes_as_floats() const noexcept;

 private:
  friend struct TensorFilesReader;
  TensorFiles() = default;

  std::filesystem::path path_;
  std::vector<std::shared_ptr<const MappedFile>> files_;
  std::map<std::string, StoredTensor, std::less<>> tensors_;
};

// The tensors that a network of some shape has.
struct NamedShape {
  std::string name;
  std::vector<std::uint64_t> shape;
};
class NamedShapes {
 public:
  void add(const std::string& name, std::initializer_list<int> shape);
  // weight and bias of one that has both.
  void both(const std::string& at, std::initializer_list<int> shape, int bias) {
    add(at + ".weight", shape);
    add(at + ".bias", {bias});
  }
  std::vector<NamedShape> all = {};
};

// Whether a part has these tensors and no others, but for those that are computed in place of being
// read, whose names end with one of `computed`. prefix: that of the part, for messages. Errors:
// corrupt, unavailable (a tensor that no part of the network uses).
Result<void> check_tensors(const TensorFiles& files,
                           const std::vector<NamedShape>& expected,
                           std::string_view prefix,
                           std::initializer_list<std::string_view> computed);

}  // namespace limelight::stages
