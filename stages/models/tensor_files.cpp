#include "stages/models/tensor_files.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "stages/models/refusal.hpp"
#include "stages/models/safetensors_file.hpp"

namespace limelight::stages {

using nlohmann::json;
namespace fs = std::filesystem;

std::string StoredTensor::shape_text() const {
  std::string text = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) text += ", ";
    text += std::to_string(shape[i]);
  }
  return text += "]";
}

void StoredTensor::read(std::uint64_t first, float* to, std::size_t count) const {
  unpack_blocks(type, data + first * block_format(type).bytes, std::span(to, count));
}

std::vector<float> StoredTensor::floats() const {
  std::vector<float> all(values);
  read(0, all.data(), all.size());
  return all;
}

struct TensorFilesReader {
  std::shared_ptr<TensorFiles> made{new TensorFiles};
  std::string prefix;

  // wanted: the names that the index assigns to this file; nullptr: all.
  void add(const fs::path& path, const std::set<std::string>* wanted) {
    made->files_.push_back(read_safetensors(path, [&](const SafetensorsEntry& entry) {
      if (!entry.name.starts_with(prefix)) return;
      if (wanted != nullptr && !wanted->contains(entry.name)) return;
      StoredTensor found{.type = weight_type(path, entry),
                         .shape = entry.shape,
                         .values = entry.values,
                         .data = entry.data};
      if (!made->tensors_.emplace(entry.name.substr(prefix.size()), std::move(found)).second)
        refuse(path,
               "found " + entry.quoted() + " a second time, expected one tensor for each weight");
    }));
  }

  void run(const fs::path& file) {
    made->path_ = file;
    if (file.extension() != ".json") return add(file, nullptr);
    const auto begins = [&](const std::string& name) { return name.starts_with(prefix); };
    for (const auto& [shard, names] : read_shards(file))
      if (std::any_of(names.begin(), names.end(), begins)) add(file.parent_path() / shard, &names);
  }
};

Result<std::shared_ptr<const TensorFiles>> TensorFiles::open(const fs::path& path,
                                                             std::string_view prefix) {
  fs::path file = path;
  std::error_code failed;
  if (fs::is_directory(path, failed)) {
    for (const char* name : {"model.safetensors.index.json", "model.safetensors"})
      if (fs::exists(file = path / name, failed)) break;
  }
  if (!fs::exists(file, failed))
    return Error{ErrorCode::not_found,
                 path.string() + ": found neither a .safetensors file nor the index of one"};
  try {
    TensorFilesReader reader;
    reader.prefix = prefix;
    reader.run(file);
    return std::shared_ptr<const TensorFiles>(reader.made);
  } catch (const ModelRefusal& refusal) {
    return refusal.error;
  } catch (const json::exception& wrong) {
    return Error{ErrorCode::corrupt, file.string() + ": " + wrong.what()};
  }
}

const StoredTensor* TensorFiles::find(std::string_view name) const {
  const auto at = tensors_.find(name);
  return at == tensors_.end() ? nullptr : &at->second;
}

std::uint64_t TensorFiles::bytes_as_floats() const noexcept {
  std::uint64_t bytes = 0;
  for (const auto& [name, tensor] : tensors_) bytes += tensor.values * sizeof(float);
  return bytes;
}

void NamedShapes::add(const std::string& name, std::initializer_list<int> shape) {
  std::vector<std::uint64_t> extents;
  for (const int extent : shape) extents.push_back(static_cast<std::uint64_t>(extent));
  all.push_back({name, std::move(extents)});
}

Result<void> check_tensors(const TensorFiles& files,
                           const std::vector<NamedShape>& expected,
                           std::string_view prefix,
                           std::initializer_list<std::string_view> computed) {
  const auto say = [&](const std::string& what, ErrorCode code = ErrorCode::corrupt) {
    return Error{code, files.path().string() + ": " + what};
  };
  const auto quoted = [&](const std::string& name) {
    return "'" + std::string(prefix) + name.substr(0, 100) + "'";
  };
  std::set<std::string_view> known;
  for (const NamedShape& wanted : expected) {
    const StoredTensor* found = files.find(wanted.name);
    if (found == nullptr) return say("found no tensor " + quoted(wanted.name));
    if (found->shape != wanted.shape) {
      StoredTensor like;
      like.shape = wanted.shape;
      return say("tensor " + quoted(wanted.name) + ": found " + found->shape_text() +
                 ", expected " + like.shape_text());
    }
    known.insert(wanted.name);
  }
  for (const auto& [name, tensor] : files.all()) {
    const auto ends = [&name = name](std::string_view ending) { return name.ends_with(ending); };
    if (!known.contains(name) && std::none_of(computed.begin(), computed.end(), ends))
      return say("found tensor " + quoted(name) + ", expected none: no part of the network uses it",
                 ErrorCode::unavailable);
  }
  return {};
}

}  // namespace limelight::stages
