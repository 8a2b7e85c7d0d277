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

#include "stages/models/model_file.hpp"

namespace limelight::stages {

namespace {

constexpr std::uint64_t most_array = std::uint64_t{1} << 24, most_text = std::uint64_t{1} << 20;

// An internal exception: nested parsers throw it to abort, and open_gguf() catches it.
struct Refusal {
  Error error;
};

struct Value {
  std::variant<std::int64_t,
               double,
               bool,
               std::string_view,
               std::vector<std::string_view>,
               std::vector<double>>
      held;
};

}  // namespace

struct GgufReader {
  std::shared_ptr<const MappedFile> file;
  std::uint64_t at = 0;
  std::map<std::string_view, Value> metadata;

  std::uint64_t size() const { return file->bytes().size(); }
  [[noreturn]] void refuse(std::uint64_t offset,
                           const std::string& found,
                           const std::string& expected,
                           ErrorCode code = ErrorCode::corrupt) const {
    throw Refusal{{code, file->path().string() + ": offset " + std::to_string(offset) + ": found " +
                             found + ", expected " + expected}};
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
  Value value(std::uint32_t type, std::uint64_t from) {
    if (type == 8) return {text("a text")};
    if (type != 9) {
      const auto n = number(type);
      if (!n) refuse(from, "a value of type " + std::to_string(type), "a type from 0 to 12");
      return {*n};
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
      return {texts};
    }
    std::vector<double> numbers;
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto n = number(element);
      if (!n)
        refuse(from, "an array of type " + std::to_string(element), "one of numbers or texts");
      numbers.push_back(*n);
    }
    return {numbers};
  }

  template <class T>
  const T* find(const std::string& key) const {
    const auto entry = metadata.find(key);
    return entry == metadata.end() ? nullptr : std::get_if<T>(&entry->second.held);
  }
  std::optional<double> find_number(const std::string& key) const {
    const auto* n = find<double>(key);
    return n != nullptr && std::isfinite(*n) ? std::optional(*n) : std::nullopt;
  }
  int whole(const std::string& key) const {
    const auto n = find_number(key);
    if (!n || *n != std::floor(*n) || *n < 0 || *n > 2e9)
      refuse(0, n ? std::to_string(*n) : "nothing",
             "a whole number in the metadata's key '" + key + "'");
    return static_cast<int>(*n);
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

  // Maps GGUF's name of a tensor to ModelFile's: "blk.0.attn_q.weight" to "layers.0.q_proj". Empty
  // if no decoder uses the tensor.
  static std::string our_name(std::string_view name) {
    static const std::map<std::string_view, const char*> parts{
        {"attn_q", "q_proj"},      {"attn_k", "k_proj"},        {"attn_v", "v_proj"},
        {"attn_output", "o_proj"}, {"ffn_gate", "gate_proj"},   {"ffn_up", "up_proj"},
        {"ffn_down", "down_proj"}, {"attn_norm", "input_norm"}, {"ffn_norm", "post_norm"}};
    const auto dot = name.rfind('.');
    if (dot == std::string_view::npos) return "";
    const std::string_view kind = name.substr(dot + 1), stem = name.substr(0, dot);
    const std::string suffix = kind == "bias" ? ".bias" : "";
    if (stem == "token_embd") return "embed_tokens";
    if (stem == "output") return "lm_head";
    if (stem == "output_norm") return "norm";
    if (stem == "rope_freqs") return "rope_freqs";
    if (!stem.starts_with("blk.")) return "";
    const auto second = stem.find('.', 4);
    if (second == std::string_view::npos) return "";
    const auto part = parts.find(stem.substr(second + 1));
    return part == parts.end()
               ? ""
               : "layers." + std::string(stem.substr(4, second - 4)) + "." + part->second + suffix;
  }

  void tensors(std::uint64_t count, ModelFile& model) {
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
      const std::string ours = our_name(name);
      if (ours.empty()) continue;
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
    const auto alignment_key = find_number("general.alignment");
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

  void spec(ModelFile& model) const {
    const auto* architecture = find<std::string_view>("general.architecture");
    if (architecture == nullptr)
      refuse(0, "nothing", "a text in the metadata's key 'general.architecture'");
    if (*architecture != "llama" && *architecture != "qwen2")
      refuse(0, "architecture '" + std::string(architecture->substr(0, 60)) + "'", "llama or qwen2",
             ErrorCode::unavailable);
    ModelSpec& s = model.spec_;
    s.architecture = *architecture;
    const std::string at_key = s.architecture + ".";
    s.layers = whole(at_key + "block_count");
    s.hidden = whole(at_key + "embedding_length");
    s.heads = whole(at_key + "attention.head_count");
    s.kv_heads = find_number(at_key + "attention.head_count_kv")
                     ? whole(at_key + "attention.head_count_kv")
                     : s.heads;
    s.head_dim = find_number(at_key + "attention.key_length")
                     ? whole(at_key + "attention.key_length")
                 : s.heads > 0 ? s.hidden / s.heads
                               : 0;
    s.mlp = whole(at_key + "feed_forward_length");
    s.context = whole(at_key + "context_length");
    if (const FileTensor* embedding = model.find("embed_tokens"))
      s.vocab = static_cast<int>(std::min<std::uint64_t>(embedding->rows, 1u << 30));
    s.rms_eps =
        static_cast<float>(find_number(at_key + "attention.layer_norm_rms_epsilon").value_or(1e-5));
    s.rope_base = static_cast<float>(find_number(at_key + "rope.freq_base").value_or(10'000));
    s.rope_interleaved = s.architecture == "llama";
    if (const FileTensor* factors = model.find("rope_freqs");
        factors != nullptr && factors->cols <= 1024) {
      s.rope_factors.resize(factors->cols);
      unpack_blocks(factors->type, factors->data, s.rope_factors);
    }
    const auto* scaling = find<std::string_view>(at_key + "rope.scaling.type");
    if (scaling != nullptr && *scaling == "linear")
      s.rope_factors.assign(
          static_cast<std::size_t>(std::clamp(s.head_dim, 0, 1024) / 2),
          static_cast<float>(find_number(at_key + "rope.scaling.factor").value_or(1)));
    else if (scaling != nullptr && *scaling != "none")
      refuse(0, "rope scaling '" + std::string(scaling->substr(0, 60)) + "'",
             "linear, none, or factors in a tensor rope_freqs", ErrorCode::unavailable);
  }

  void tokenizer(ModelFile& model) const {
    const auto* kind = find<std::string_view>("tokenizer.ggml.model");
    if (kind == nullptr || *kind != "gpt2")
      refuse(0, "tokenizer '" + std::string(kind == nullptr ? "" : kind->substr(0, 60)) + "'",
             "gpt2, which is byte-level BPE", ErrorCode::unavailable);
    TokenizerSpec& t = model.tokenizer_;
    const auto* tokens = find<std::vector<std::string_view>>("tokenizer.ggml.tokens");
    const auto* merges = find<std::vector<std::string_view>>("tokenizer.ggml.merges");
    const auto* types = find<std::vector<double>>("tokenizer.ggml.token_type");
    if (tokens == nullptr || merges == nullptr)
      refuse(0, "no tokens or no merges",
             "the metadata's keys 'tokenizer.ggml.tokens' and 'tokenizer.ggml.merges'");
    t.tokens.assign(tokens->begin(), tokens->end());
    t.merges.assign(merges->begin(), merges->end());
    t.special.resize(t.tokens.size());
    if (types != nullptr)
      for (std::size_t i = 0; i < std::min(types->size(), t.special.size()); ++i)
        t.special[i] = (*types)[i] == 3 || (*types)[i] == 4;  // control, user-defined
    const auto id = [&](const char* key) { return find_number(key) ? whole(key) : -1; };
    t.bos = id("tokenizer.ggml.bos_token_id");
    t.eos = id("tokenizer.ggml.eos_token_id");
    if (const auto* add = find<double>("tokenizer.ggml.add_bos_token")) t.add_bos = *add != 0;
    if (const auto* chat = find<std::string_view>("tokenizer.chat_template"))
      t.chat_template = *chat;
    const auto* pre = find<std::string_view>("tokenizer.ggml.pre");
    if (auto set = set_pre_tokenizer(std::string(pre == nullptr ? "" : *pre), t); !set)
      throw Refusal{{set.error().code, file->path().string() + ": " + set.error().message}};
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
      if (!metadata.emplace(key, value(type, from)).second)
        refuse(from, "key '" + std::string(key.substr(0, 100)) + "' a second time",
               "each key once");
    }
    tensors(tensor_count, *model);
    spec(*model);
    tokenizer(*model);
    if (auto whole_model = model->check(); !whole_model) throw Refusal{whole_model.error()};
    return model;
  }
};

Result<std::shared_ptr<const ModelFile>> open_gguf(const std::filesystem::path& path) {
  auto file = MappedFile::open(path);
  if (!file) return file.error();
  try {
    return GgufReader{*file, 0, {}}.run();
  } catch (const Refusal& refusal) {
    return refusal.error;
  }
}

}  // namespace limelight::stages
