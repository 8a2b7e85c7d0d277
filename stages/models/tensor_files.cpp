// The format is defined in the README of safetensors: see safetensors.cpp.
#include "stages/models/tensor_files.hpp"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>
#include <tuple>

#include "stages/models/hf_files.hpp"

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

  static StoredTensor tensor(const fs::path& path,
                             const std::string& quoted,
                             const json& entry,
                             std::uint64_t room,
                             std::uint64_t& begin) {
    StoredTensor tensor;
    if (!entry.is_object() || !entry.contains("dtype") || !entry["dtype"].is_string() ||
        !entry.contains("shape") || !entry["shape"].is_array() || entry["shape"].size() > 8 ||
        !entry.contains("data_offsets") || !entry["data_offsets"].is_array() ||
        entry["data_offsets"].size() != 2 || !entry["data_offsets"][0].is_number_unsigned() ||
        !entry["data_offsets"][1].is_number_unsigned())
      refuse(path, quoted + ": expected dtype, shape and two data_offsets of 0 or more");
    for (const json& extent : entry["shape"]) {
      if (!extent.is_number_unsigned() ||
          __builtin_mul_overflow(tensor.values, extent.get<std::uint64_t>(), &tensor.values) ||
          tensor.values > (std::uint64_t{1} << 48))
        refuse(path, quoted + ": found shape " + entry["shape"].dump().substr(0, 100) +
                         ", expected at most 2^48 values");
      tensor.shape.push_back(extent);
    }
    const std::string dtype = entry["dtype"];
    if (dtype == "F32") tensor.type = WeightType::f32;
    else if (dtype == "F16") tensor.type = WeightType::f16;
    else if (dtype == "BF16") tensor.type = WeightType::bf16;
    else
      refuse(path, quoted + ": found dtype " + dtype.substr(0, 30) + ", expected F32, F16 or BF16",
             ErrorCode::unavailable);
    begin = entry["data_offsets"][0];
    const std::uint64_t end = entry["data_offsets"][1];
    if (begin > end || end > room)
      refuse(path, quoted + ": found offsets " + std::to_string(begin) + " to " +
                       std::to_string(end) + ", expected at most the " + std::to_string(room) +
                       " bytes of data in the file");
    const std::uint64_t bytes = tensor.values * block_format(tensor.type).bytes;
    if (end - begin != bytes)
      refuse(path, quoted + ": found " + std::to_string(end - begin) + " bytes, expected " +
                       std::to_string(bytes));
    return tensor;
  }

  // wanted: the names that the index assigns to this file; nullptr: all.
  void add(const fs::path& path, const std::set<std::string>* wanted) {
    auto mapped = MappedFile::open(path);
    if (!mapped) throw ModelRefusal{mapped.error()};
    const auto bytes = (*mapped)->bytes();
    std::uint64_t header = 0;
    if (bytes.size() < sizeof header)
      refuse(path, "offset 0: found the end of the file, expected the header's length");
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header > most_json_bytes || header > bytes.size() - sizeof header)
      refuse(path, "offset 0: found a header of " + std::to_string(header) +
                       " bytes, expected no more than the " +
                       std::to_string(bytes.size() - sizeof header) + " that follow, and at most " +
                       std::to_string(most_json_bytes));
    const char* text = reinterpret_cast<const char*>(bytes.data()) + sizeof header;
    const json parsed = json::parse(text, text + header, nullptr, false);
    if (!parsed.is_object())
      refuse(path, "offset 8: found no JSON object, expected one of " + std::to_string(header) +
                       " bytes");
    const std::uint64_t data = sizeof header + header;
    std::vector<std::tuple<std::uint64_t, std::uint64_t, std::string>> places;
    for (const auto& [name, entry] : parsed.items()) {
      if (!name.starts_with(prefix) || name == "__metadata__" ||
          (wanted != nullptr && !wanted->contains(name)))
        continue;
      std::uint64_t begin = 0;
      const std::string quoted = "tensor '" + name.substr(0, 100) + "'";
      StoredTensor found = tensor(path, quoted, entry, bytes.size() - data, begin);
      found.data = bytes.data() + data + begin;
      places.emplace_back(begin, begin + found.values * block_format(found.type).bytes, quoted);
      if (!made->tensors_.emplace(name.substr(prefix.size()), std::move(found)).second)
        refuse(path, "found " + quoted + " a second time, expected one tensor for each weight");
    }
    std::sort(places.begin(), places.end());
    for (std::size_t i = 1; i < places.size(); ++i)
      if (std::get<0>(places[i]) < std::get<1>(places[i - 1]))
        refuse(path, std::get<2>(places[i]) + " overlaps " + std::get<2>(places[i - 1]));
    made->files_.push_back(*mapped);
  }

  void run(const fs::path& file) {
    made->path_ = file;
    if (file.extension() != ".json") return add(file, nullptr);
    const json index = read_json(file);
    std::map<std::string, std::set<std::string>> shards;
    if (!index.contains("weight_map") || !index["weight_map"].is_object())
      refuse(file, "key 'weight_map': expected an object");
    for (const auto& [name, shard] : index["weight_map"].items()) {
      if (!name.starts_with(prefix)) continue;
      // Only a plain file name: a path could lead out of the model's folder.
      if (!shard.is_string() ||
          fs::path(shard.get<std::string>()).filename() != fs::path(shard.get<std::string>()) ||
          shard == "..")
        refuse(file, "tensor '" + name.substr(0, 100) + "': found shard " +
                         shard.dump().substr(0, 100) +
                         ", expected the name of a file in the same folder");
      shards[shard].insert(name);
    }
    for (const auto& [shard, names] : shards) add(file.parent_path() / shard, &names);
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

}  // namespace limelight::stages
