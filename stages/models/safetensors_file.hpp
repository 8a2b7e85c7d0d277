// Reads a file in the format of safetensors, as the README of that project defines it:
//
//   length of the header (8 bytes) | header: JSON | data of the tensors
//
// The header states type, shape and offsets of each tensor. A model in several files (shards) has
// an index that says which tensors are in which. Files are mapped and not trusted: every length and
// offset is compared with the size of the file before it is used. What is wrong throws a
// ModelRefusal that names the file, and the tensor. Any thread may call these functions.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/mapped_file.hpp"
#include "stages/devices/blocks.hpp"

namespace limelight::stages {

struct SafetensorsEntry {
  std::string name, dtype;
  std::vector<std::uint64_t> shape;
  std::uint64_t values = 1;  // the product of the shape
  std::uint64_t bytes = 0;   // of the data; weight_type() compares it with the values
  const std::byte* data = nullptr;
  std::string quoted() const { return "tensor '" + name.substr(0, 100) + "'"; }
};

// Calls `each` for every tensor, by name. The data is there as long as the file that is returned.
// Tensors do not overlap, which is known only when all of them were seen.
std::shared_ptr<const MappedFile> read_safetensors(
    const std::filesystem::path& path, const std::function<void(const SafetensorsEntry&)>& each);

// f32, f16 or bf16: others are refused, and so is a size that is not that of the values.
WeightType weight_type(const std::filesystem::path& path, const SafetensorsEntry& entry);

// The names of the tensors in each shard, which is the name of a file beside the index.
std::map<std::string, std::set<std::string>> read_shards(const std::filesystem::path& index);

}  // namespace limelight::stages
