// Reads GGUF files, as the specification in ggml's repository (docs/gguf.md) defines them:
//
//   magic 'GGUF' | version | number of tensors | number of metadata entries
//   metadata entries: key, type, value
//   tensor infos: name, extents, type, offset
//   data of the tensors, each at a multiple of general.alignment
//
// Everything is little-endian.
#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <set>
#include <type_traits>
#include <variant>

#include "stages/models/gguf_metadata.hpp"
#include "stages/models/model_file.hpp"
#include "stages/models/refusal.hpp"

namespace limelight::stages {

namespace {

constexpr std::uint64_t most_array = std::uint64_t{1} << 24, most_text = std::uint64_t{1} << 20;

}  // namespace

struct GgufReader {
  std::shared_ptr<const MappedFile> file;
  std::uint64_t at = 0;
  GgufMetadata metadata{file->path()};

  std::uint64_t size() const { return file->bytes().size(); }
  [[noreturn]] void refuse(std::uint64_t offset,
                           const std::string& found,
                           const std::string& expected,
                           ErrorCode code = ErrorCode::corrupt) const {
    throw ModelRefusal{{code, file->path().string() + ": offset " + std::to_string(offset) +
                                  ": found " + found + ", expected " + expected}};
  }
  template <class T>
  T read(const char* what) {
    if (size() - at < sizeof(T)) refuse(at, "the end of the file", what);
    T value;
    std::memcpy(&value, file->bytes().data() + at, sizeof value);
    at += sizeof value;
    return value;
  }
  std::string_view text(const char* what) {
    const std::uint64_t from = at, length = read<std::uint64_t>(what);
    if (length > most_text || length > size() - at)
      refuse(from, "a text of " + std::to_string(length) + " bytes",
             std::string(what) + " within the file's " + std::to_string(size()) + " bytes");
    const std::string_view value(reinterpret_cast<const char*>(file->bytes().data() + at), length);
    at += length;
    return value;
  }
  // Reads one value of a type from 0 to 12 of the specification. Returns nothing for the types that
  // are no numbers.
  std::optional<double> number(std::uint32_t type) {
    switch (type) {
      case 0: return read<std::uint8_t>("a value");
      case 1: return read<std::int8_t>("a value");
      case 2: return read<std::uint16_t>("a value");
      case 3: return read<std::int16_t>("a value");
      case 4: return read<std::uint32_t>("a value");
      case 5: return read<std::int32_t>("a value");
      case 6: return static_cast<double>(read<float>("a value"));
      case 7: return read<std::uint8_t>("a truth value") != 0;
      case 10: return static_cast<double>(read<std::uint64_t>("a value"));
      case 11: return static_cast<double>(read<std::int64_t>("a value"));
      case 12: return read<double>("a value");
      default: return std::nullopt;
    }
  }
  GgufMetadata::Value value(std::uint32_t type, std::uint64_t from) {
    if (type == 8) return text("a text");
    if (type != 9) {
      const auto n = number(type);
      if (!n) refuse(from, "a value of type " + std::to_string(type), "a type from 0 to 12");
      return *n;
    }
    const auto element = read<std::uint32_t>("the type of an array");
    const std::uint64_t counted_at = at, count = read<std::uint64_t>("the length of an array");
    // The smallest elements: a text is at least its 8 bytes of length, a number at least one byte.
    if (count > most_array || count > (size() - at) / (element == 8 ? 8 : 1))
      refuse(counted_at, "an array of " + std::to_string(count) + " elements",
             "at most as many as the rest of the file can hold");
    if (element == 8) {
      std::vector<std::string_view> texts;
      for (std::uint64_t i = 0; i < count; ++i) texts.push_back(text("an element"));
      return texts;
    }
    std::vector<double> numbers;
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto n = number(element);
      if (!n)
        refuse(from, "an array of type " + std::to_string(element), "one of numbers or texts");
      numbers.push_back(*n);
    }
    return numbers;
  }

  static std::optional<WeightType> weight_type(std::uint32_t type) {
    switch (type) {
      case 0: return WeightType::f32;
      case 1: return WeightType::f16;
      case 2: return WeightType::q4_0;
      case 3: return WeightType::q4_1;
      case 8: return WeightType::q8_0;
      case 12: return WeightType::q4_k;
      case 14: return WeightType::q6_k;
      case 30: return WeightType::bf16;
      default: return std::nullopt;
    }
  }

  void tensors(std::uint64_t count, const Architecture& architecture, ModelFile& model) {
    struct Place {
      std::uint64_t begin, end, said_at;
      std::string_view name;
    };
    std::vector<Place> places;
    std::vector<std::pair<std::string, FileTensor>> named;
    std::set<std::string_view> names;
    for (std::uint64_t i = 0; i < count; ++i) {
      const std::uint64_t from = at;
      const std::string_view name = text("a tensor's name");
      const std::string quoted = "tensor '" + std::string(name.substr(0, 100)) + "'";
      if (!names.insert(name).second) refuse(from, quoted + " a second time", "each name once");
      const auto dimensions = read<std::uint32_t>("the number of dimensions");
      if (dimensions < 1 || dimensions > 4)
        refuse(from, quoted + " of " + std::to_string(dimensions) + " dimensions", "1 to 4");
      FileTensor tensor;
      std::uint64_t values = 1;
      for (std::uint32_t d = 0; d < dimensions; ++d) {
        const auto extent = read<std::uint64_t>("an extent");
        if (extent == 0 || __builtin_mul_overflow(values, extent, &values) ||
            values > (std::uint64_t{1} << 48))
          refuse(from, quoted + " with an extent of " + std::to_string(extent),
                 "a tensor of at most 2^48 values");
        if (d == 0) tensor.cols = extent;
        else tensor.rows *= extent;
      }
      const auto type = read<std::uint32_t>("a tensor's type");
      const auto offset = read<std::uint64_t>("a tensor's offset");
      const std::string ours = gguf_tensor_name(name, architecture);
      if (ours.empty())
        refuse(from, quoted,
               std::string("none of this name: no part of ") + architecture.gguf + " here uses it",
               ErrorCode::unavailable);
      const auto known = weight_type(type);
      if (!known)
        refuse(from, quoted + " of type " + std::to_string(type),
               "F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q4_K or Q6_K", ErrorCode::unavailable);
      tensor.type = *known;
      const BlockFormat& format = block_format(tensor.type);
      if (tensor.cols % format.values != 0)
        refuse(from, quoted + " with rows of " + std::to_string(tensor.cols),
               std::string("whole blocks of ") + format.name);
      places.push_back({offset, 0, from, name});
      std::uint64_t bytes = values / format.values * format.bytes;
      if (__builtin_add_overflow(offset, bytes, &places.back().end))
        refuse(from, quoted + " at offset " + std::to_string(offset), "an offset within the file");
      named.emplace_back(ours, tensor);
    }
    const auto alignment_key = metadata.number("general.alignment");
    const auto alignment = static_cast<std::uint64_t>(alignment_key.value_or(32));
    if (alignment_key &&
        (*alignment_key < 8 || *alignment_key > 1 << 20 || (alignment & (alignment - 1)) != 0))
      refuse(0, "an alignment of " + std::to_string(alignment), "a power of two from 8 to 2^20");
    const std::uint64_t data = (at + alignment - 1) / alignment * alignment;
    for (std::size_t i = 0; i < places.size(); ++i) {
      const Place& p = places[i];
      if (p.begin % alignment != 0)
        refuse(p.said_at,
               "tensor '" + std::string(p.name) + "' at offset " + std::to_string(p.begin),
               "a multiple of " + std::to_string(alignment));
      if (data > size() || p.end > size() - data)
        refuse(p.said_at,
               "tensor '" + std::string(p.name) + "' up to offset " + std::to_string(p.end) +
                   " of the data",
               "at most the " + std::to_string(data > size() ? 0 : size() - data) +
                   " bytes of data in the file");
      named[i].second.data = file->bytes().data() + data + p.begin;
      if (!model.tensors_.emplace(named[i]).second)
        refuse(p.said_at, "tensor '" + std::string(p.name) + "'",
               "one tensor for this weight; another tensor has the same name but for its ending");
    }
    std::sort(places.begin(), places.end(),
              [](const Place& a, const Place& b) { return a.begin < b.begin; });
    for (std::size_t i = 1; i < places.size(); ++i)
      if (places[i].begin < places[i - 1].end)
        refuse(places[i].said_at,
               "tensor '" + std::string(places[i].name) + "' at offset " +
                   std::to_string(places[i].begin),
               "an offset after the end of tensor '" + std::string(places[i - 1].name) + "'");
  }

  std::shared_ptr<const ModelFile> run() {
    std::shared_ptr<ModelFile> model(new ModelFile);
    model->path_ = file->path();
    model->files_.push_back(file);
    if (read<std::uint32_t>("the magic 'GGUF'") != 0x46554747)
      refuse(0, "other bytes", "the magic 'GGUF'");
    const auto version = read<std::uint32_t>("a version");
    if (version != 2 && version != 3)
      refuse(4, "version " + std::to_string(version),
             (version & 0xffff) == 0 ? "2 or 3: this file is big-endian" : "2 or 3");
    const auto tensor_count = read<std::uint64_t>("the number of tensors"),
               metadata_count = read<std::uint64_t>("the number of metadata entries");
    // The smallest entries: a tensor info has at least 24 bytes, a metadata entry at least 13.
    if (tensor_count > size() / 24)
      refuse(8, std::to_string(tensor_count) + " tensors", "at most as many as the file can hold");
    if (metadata_count > size() / 13)
      refuse(16, std::to_string(metadata_count) + " metadata entries",
             "at most as many as the file can hold");
    for (std::uint64_t i = 0; i < metadata_count; ++i) {
      const std::uint64_t from = at;
      const std::string_view key = text("a key");
      const auto type = read<std::uint32_t>("a value's type");
      if (!metadata.add(key, value(type, from)))
        refuse(from, "key '" + std::string(key.substr(0, 100)) + "' a second time",
               "each key once");
    }
    const Architecture& architecture = gguf_architecture(metadata);
    tensors(tensor_count, architecture, *model);
    model->shape_ = gguf_shape(metadata, architecture, model->tensors_);
    model->tokenizer_ = gguf_tokenizer(metadata);
    model->sampling_ = gguf_sampling(metadata);
    // A file has no word for its parts: what the first layer has, all have.
    const auto has = [&](const char* name) { return model->find(name) != nullptr; };
    const DecoderParts parts{.qkv_bias = has("layers.0.q_proj.bias"),
                             .o_bias = has("layers.0.o_proj.bias"),
                             .mlp_bias = has("layers.0.gate_proj.bias"),
                             .qk_norm = architecture.qk_norm,
                             .out_norms = architecture.out_norms,
                             .tied = !has("lm_head")};
    const NamedDecoder decoder{.shape = model->shape_, .parts = parts};
    if (auto whole_model = model->check({&decoder, 1}); !whole_model)
      throw ModelRefusal{whole_model.error()};
    return model;
  }
};

Result<std::shared_ptr<const ModelFile>> open_gguf(const std::filesystem::path& path) {
  auto file = MappedFile::open(path);
  if (!file) return file.error();
  try {
    return GgufReader{*file}.run();
  } catch (const ModelRefusal& refusal) {
    return refusal.error;
  }
}

}  // namespace limelight::stages
