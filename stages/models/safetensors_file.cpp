#include "stages/models/safetensors_file.hpp"

#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <tuple>

#include "stages/models/hf_files.hpp"

namespace limelight::stages {

using nlohmann::json;
namespace fs = std::filesystem;

namespace {

// Sets shape, size and data, which is in `all`, and returns where that begins.
std::uint64_t read_entry(const fs::path& path,
                         const json& stated,
                         std::span<const std::byte> all,
                         SafetensorsEntry& entry) {
  const auto has = [&](const char* key, auto is) {
    return stated.contains(key) && (stated[key].*is)();
  };
  if (!stated.is_object() || !has("dtype", &json::is_string) || !has("shape", &json::is_array) ||
      !has("data_offsets", &json::is_array) || stated["data_offsets"].size() != 2)
    refuse(path, entry.quoted() + ": expected dtype, shape and two data_offsets");
  entry.dtype = stated["dtype"];
  for (const json& extent : stated["shape"]) {
    if (!extent.is_number_unsigned() ||
        __builtin_mul_overflow(entry.values, extent.get<std::uint64_t>(), &entry.values) ||
        entry.values > (std::uint64_t{1} << 48))
      refuse(path, entry.quoted() + ": found shape " + stated["shape"].dump().substr(0, 100) +
                       ", expected at most 2^48 values");
    entry.shape.push_back(extent);
  }
  const json &first = stated["data_offsets"][0], &last = stated["data_offsets"][1];
  if (!first.is_number_unsigned() || !last.is_number_unsigned())
    refuse(path, entry.quoted() + ": expected offsets of 0 or more");
  const std::uint64_t begin = first, end = last;
  if (begin > end || end > all.size())
    refuse(path, entry.quoted() + ": found offsets " + std::to_string(begin) + " to " +
                     std::to_string(end) + ", expected at most the " + std::to_string(all.size()) +
                     " bytes of data in the file");
  entry.bytes = end - begin;
  entry.data = all.data() + begin;
  return begin;
}

}  // namespace

std::shared_ptr<const MappedFile> read_safetensors(
    const fs::path& path, const std::function<void(const SafetensorsEntry&)>& each) {
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
  refuse_deep_json(path, {text, header});
  const json parsed = json::parse(text, text + header, nullptr, false);
  if (!parsed.is_object())
    refuse(path,
           "offset 8: found no JSON object, expected one of " + std::to_string(header) + " bytes");
  const auto data = bytes.subspan(sizeof header + header);
  std::vector<std::tuple<std::uint64_t, std::uint64_t, std::string>> places;
  for (const auto& [name, stated] : parsed.items()) {
    if (name == "__metadata__") continue;
    SafetensorsEntry entry{.name = name, .dtype = {}, .shape = {}};
    const std::uint64_t begin = read_entry(path, stated, data, entry);
    places.emplace_back(begin, begin + entry.bytes, entry.quoted());
    each(entry);
  }
  std::sort(places.begin(), places.end());
  for (std::size_t i = 1; i < places.size(); ++i)
    if (std::get<0>(places[i]) < std::get<1>(places[i - 1]))
      refuse(path, std::get<2>(places[i]) + " overlaps " + std::get<2>(places[i - 1]));
  return *mapped;
}

WeightType weight_type(const fs::path& path, const SafetensorsEntry& entry) {
  WeightType type{};
  if (entry.dtype == "F32") type = WeightType::f32;
  else if (entry.dtype == "F16") type = WeightType::f16;
  else if (entry.dtype == "BF16") type = WeightType::bf16;
  else
    refuse(path,
           entry.quoted() + ": found dtype " + entry.dtype.substr(0, 30) +
               ", expected F32, F16 or BF16",
           ErrorCode::unavailable);
  const std::uint64_t expected = entry.values * block_format(type).bytes;
  if (entry.bytes != expected)
    refuse(path, entry.quoted() + ": found " + std::to_string(entry.bytes) + " bytes, expected " +
                     std::to_string(expected));
  return type;
}

std::map<std::string, std::set<std::string>> read_shards(const fs::path& index) {
  const json stated = read_json(index);
  if (!stated.contains("weight_map") || !stated["weight_map"].is_object())
    refuse(index, "key 'weight_map': expected an object");
  std::map<std::string, std::set<std::string>> shards;
  for (const auto& [name, shard] : stated["weight_map"].items()) {
    // Only a plain file name: a path could lead out of the model's folder.
    if (!shard.is_string() ||
        fs::path(shard.get<std::string>()).filename() != fs::path(shard.get<std::string>()) ||
        shard == "..")
      refuse(index, "tensor '" + name.substr(0, 100) + "': found shard " +
                        shard.dump().substr(0, 100) +
                        ", expected the name of a file in the same folder");
    shards[shard].insert(name);
  }
  return shards;
}

}  // namespace limelight::stages
