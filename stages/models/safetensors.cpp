// Reads safetensors files, as the README of that project defines the format:
//
//   length of the header (8 bytes) | header: JSON | data of the tensors
//
// The header states type, shape and offsets of each tensor. The shape of the network is in
// config.json in the same folder, its tokenizer in tokenizer.json, and how its authors would have
// it sample in generation_config.json.
#include <algorithm>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "stages/models/model_file.hpp"

namespace limelight::stages {

using nlohmann::json;
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t most_header = std::uint64_t{100} << 20;

// An internal exception: nested parsers throw it to abort, and open_safetensors() catches it.
struct Refusal {
  Error error;
};
[[noreturn]] void refuse(const fs::path& file,
                         const std::string& what,
                         ErrorCode code = ErrorCode::corrupt) {
  throw Refusal{{code, file.string() + ": " + what}};
}

std::string read_text(const fs::path& path) {
  std::error_code failed;
  const auto size = fs::file_size(path, failed);
  if (failed) refuse(path, "cannot read: " + failed.message(), ErrorCode::not_found);
  if (size > most_header)
    refuse(path, "found " + std::to_string(size) + " bytes, expected at most " +
                     std::to_string(most_header));
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}
json read_json(const fs::path& path) {
  json parsed = json::parse(read_text(path), nullptr, false);
  if (!parsed.is_object()) refuse(path, "found no JSON object, expected one");
  return parsed;
}

// Maps a tensor's name to ModelFile's: "model.layers.0.self_attn.q_proj.weight" to
// "layers.0.q_proj". Empty if no decoder uses the tensor.
std::string our_name(std::string name) {
  if (name.starts_with("model.")) name.erase(0, 6);
  const auto dot = name.rfind('.');
  if (dot == std::string::npos) return "";
  const std::string kind = name.substr(dot + 1), suffix = kind == "bias" ? ".bias" : "";
  std::string stem = name.substr(0, dot);
  if (kind != "weight" && kind != "bias") return "";
  if (stem == "embed_tokens" || stem == "lm_head" || stem == "norm") return stem;
  if (!stem.starts_with("layers.")) return "";
  const auto second = stem.find('.', 7);
  if (second == std::string::npos) return "";
  const std::string layer = stem.substr(0, second + 1), part = stem.substr(second + 1);
  if (part == "input_layernorm") return layer + "input_norm";
  if (part == "post_attention_layernorm") return layer + "post_norm";
  for (const char* known : {"q_proj", "k_proj", "v_proj", "o_proj"})
    if (part == std::string("self_attn.") + known) return layer + known + suffix;
  for (const char* known : {"gate_proj", "up_proj", "down_proj"})
    if (part == std::string("mlp.") + known) return layer + known + suffix;
  return "";
}

}  // namespace

struct SafetensorsReader {
  std::shared_ptr<ModelFile> made{new ModelFile};
  ModelFile& model = *made;

  // Adds the tensors of one file. wanted: the names that the index assigns to this file; nullptr:
  // all.
  void add(const fs::path& path, const std::set<std::string>* wanted) {
    auto mapped = MappedFile::open(path);
    if (!mapped) throw Refusal{mapped.error()};
    const auto bytes = (*mapped)->bytes();
    std::uint64_t header = 0;
    if (bytes.size() < sizeof header)
      refuse(path, "offset 0: found the end of the file, expected the header's length");
    std::memcpy(&header, bytes.data(), sizeof header);
    if (header > most_header || header > bytes.size() - sizeof header)
      refuse(path, "offset 0: found a header of " + std::to_string(header) +
                       " bytes, expected no more than the " +
                       std::to_string(bytes.size() - sizeof header) + " that follow, and at most " +
                       std::to_string(most_header));
    const char* text = reinterpret_cast<const char*>(bytes.data()) + sizeof header;
    const json parsed = json::parse(text, text + header, nullptr, false);
    if (!parsed.is_object())
      refuse(path, "offset 8: found no JSON object, expected one of " + std::to_string(header) +
                       " bytes");
    const std::uint64_t data = sizeof header + header, room = bytes.size() - data;
    std::vector<std::tuple<std::uint64_t, std::uint64_t, std::string>> places;
    for (const auto& [name, entry] : parsed.items()) {
      if (name == "__metadata__") continue;
      const std::string ours = our_name(name);
      const std::string quoted = "tensor '" + name.substr(0, 100) + "'";
      if (!entry.is_object() || !entry.contains("dtype") || !entry["dtype"].is_string() ||
          !entry.contains("shape") || !entry["shape"].is_array() ||
          !entry.contains("data_offsets") || !entry["data_offsets"].is_array() ||
          entry["data_offsets"].size() != 2)
        refuse(path, quoted + ": expected dtype, shape and two data_offsets");
      FileTensor tensor;
      const std::string dtype = entry["dtype"];
      std::uint64_t values = 1;
      const auto& shape = entry["shape"];
      for (std::size_t d = 0; d < shape.size(); ++d) {
        if (!shape[d].is_number_unsigned() ||
            __builtin_mul_overflow(values, shape[d].get<std::uint64_t>(), &values) ||
            values > (std::uint64_t{1} << 48))
          refuse(path, quoted + ": found shape " + shape.dump().substr(0, 100) +
                           ", expected at most 2^48 values");
        if (d + 1 == shape.size()) tensor.cols = shape[d];
        else tensor.rows *= shape[d].get<std::uint64_t>();
      }
      if (!entry["data_offsets"][0].is_number_unsigned() ||
          !entry["data_offsets"][1].is_number_unsigned())
        refuse(path, quoted + ": expected offsets of 0 or more");
      const std::uint64_t begin = entry["data_offsets"][0], end = entry["data_offsets"][1];
      if (begin > end || end > room)
        refuse(path, quoted + ": found offsets " + std::to_string(begin) + " to " +
                         std::to_string(end) + ", expected at most the " + std::to_string(room) +
                         " bytes of data in the file");
      places.emplace_back(begin, end, name);
      if (ours.empty() || (wanted != nullptr && !wanted->contains(name))) continue;
      if (dtype == "F32") tensor.type = WeightType::f32;
      else if (dtype == "F16") tensor.type = WeightType::f16;
      else if (dtype == "BF16") tensor.type = WeightType::bf16;
      else
        refuse(path,
               quoted + ": found dtype " + dtype.substr(0, 30) + ", expected F32, F16 or BF16",
               ErrorCode::unavailable);
      if (end - begin != values * block_format(tensor.type).bytes)
        refuse(path, quoted + ": found " + std::to_string(end - begin) + " bytes, expected " +
                         std::to_string(values * block_format(tensor.type).bytes));
      tensor.data = bytes.data() + data + begin;
      if (!model.tensors_.emplace(ours, tensor).second)
        refuse(path, "found " + quoted + " a second time, expected one tensor for each weight");
    }
    std::sort(places.begin(), places.end());
    for (std::size_t i = 1; i < places.size(); ++i)
      if (std::get<0>(places[i]) < std::get<1>(places[i - 1]))
        refuse(path, "tensor '" + std::get<2>(places[i]) + "' overlaps tensor '" +
                         std::get<2>(places[i - 1]) + "'");
    model.files_.push_back(*mapped);
  }

  void spec(const fs::path& path) {
    const json config = read_json(path);
    const auto type = config.value("model_type", json());
    if (type != "llama" && type != "qwen2")
      refuse(path,
             "key 'model_type': found " + type.dump().substr(0, 60) + ", expected llama or qwen2",
             ErrorCode::unavailable);
    const auto whole = [&](const char* key, int otherwise = -1) {
      const json value = config.value(key, json());
      if (value.is_null() && otherwise >= 0) return otherwise;
      if (!value.is_number_unsigned() || value.get<std::uint64_t>() > 2'000'000'000)
        refuse(path, std::string("key '") + key + "': found " + value.dump().substr(0, 60) +
                         ", expected a whole number");
      return value.get<int>();
    };
    const auto real = [](const json& from, const char* key, float otherwise) {
      return from.contains(key) && from[key].is_number() ? from[key].get<float>() : otherwise;
    };
    ModelSpec& s = model.spec_;
    s.architecture = type;
    s.layers = whole("num_hidden_layers");
    s.hidden = whole("hidden_size");
    s.heads = whole("num_attention_heads");
    s.kv_heads = whole("num_key_value_heads", s.heads);
    s.head_dim = whole("head_dim", s.heads > 0 ? s.hidden / s.heads : 0);
    s.mlp = whole("intermediate_size");
    s.vocab = whole("vocab_size");
    s.context = whole("max_position_embeddings", 2048);
    s.rms_eps = real(config, "rms_norm_eps", 1e-6f);
    // Newer configs have all parameters of RoPE, rope_theta included, in the key rope_parameters.
    const json rotary = config.value("rope_parameters", json());
    const json scaling = rotary.is_object() ? rotary : config.value("rope_scaling", json());
    s.rope_base = real(rotary.is_object() ? rotary : config, "rope_theta", 10'000);
    if (!scaling.is_object()) return;
    const json kind = scaling.value("rope_type", scaling.value("type", json("default")));
    const int pairs = std::clamp(s.head_dim, 0, 1024) / 2;
    if (kind == "linear")
      s.rope_factors.assign(static_cast<std::size_t>(pairs), real(scaling, "factor", 1));
    else if (kind == "llama3")
      s.rope_factors = llama3_rope_factors(2 * pairs, s.rope_base, real(scaling, "factor", 8),
                                           real(scaling, "low_freq_factor", 1),
                                           real(scaling, "high_freq_factor", 4),
                                           real(scaling, "original_max_position_embeddings", 8192));
    else if (kind != "default")
      refuse(
          path,
          "rope_type: found " + kind.dump().substr(0, 60) + ", expected linear, llama3 or default",
          ErrorCode::unavailable);
  }

  // Adds the patterns of one pre-tokenizer of tokenizer.json, or of all those in a Sequence.
  void pre_tokenizer(const fs::path& path, const json& pre, TokenizerSpec& t) {
    const std::string kind = pre.value("type", "");
    if (kind == "Sequence") {
      for (const json& part : pre.value("pretokenizers", json::array()))
        pre_tokenizer(path, part, t);
    } else if (kind == "Digits") {
      t.splits.push_back(pre.value("individual_digits", false) ? R"(\p{N})" : R"(\p{N}+)");
    } else if (kind == "Split") {
      const json pattern = pre.value("pattern", json::object());
      if (pattern.contains("Regex") && pattern["Regex"].is_string() && !pre.value("invert", false))
        t.splits.push_back(pattern["Regex"]);
      else
        refuse(path,
               "pre-tokenizer Split: found " + pre.dump().substr(0, 100) +
                   ", expected a regex, not inverted",
               ErrorCode::unavailable);
    } else if (kind == "ByteLevel") {
      if (pre.value("add_prefix_space", false))
        refuse(path, "pre-tokenizer ByteLevel: found add_prefix_space true, expected false",
               ErrorCode::unavailable);
      TokenizerSpec usual;
      (void)set_pre_tokenizer("gpt-2", usual);
      if (pre.value("use_regex", true)) t.splits.push_back(usual.splits.front());
    } else
      refuse(path,
             "found pre-tokenizer '" + kind + "', expected Sequence, Digits, Split or ByteLevel",
             ErrorCode::unavailable);
  }

  // The parameters that the model's authors recommend, and the tokens that end an answer. Without
  // the key do_sample the others count as they stand, as in vLLM.
  void generation(const fs::path& path) {
    std::error_code failed;
    if (!fs::exists(path, failed)) return;
    const json all = read_json(path);
    SamplingParams& p = model.sampling_;
    const auto refuse_key = [&](const char* key, const std::string& expected) {
      refuse(path, std::string("key '") + key + "': found " + all[key].dump().substr(0, 60) +
                       ", expected " + expected);
    };
    const auto has = [&](const char* key) { return all.contains(key) && !all[key].is_null(); };
    const auto real = [&](const char* key, float& to) {
      if (!has(key)) return;
      if (!all[key].is_number()) refuse_key(key, "a number");
      to = all[key].get<float>();
    };
    const auto whole = [&](const char* key, auto& to) {
      if (!has(key)) return;
      if (!all[key].is_number_integer()) refuse_key(key, "a whole number");
      to = static_cast<int>(std::clamp<std::int64_t>(all[key].get<std::int64_t>(), -2, 1 << 20));
    };
    if (has("do_sample") && !all["do_sample"].is_boolean())
      refuse_key("do_sample", "true or false");
    const bool samples = has("do_sample") && all["do_sample"] == true;
    if (samples) p.temperature = 1;
    real("temperature", p.temperature);
    real("top_p", p.top_p);
    real("min_p", p.min_p);
    real("repetition_penalty", p.repetition_penalty);
    whole("top_k", p.top_k);
    whole("max_new_tokens", p.max_tokens);
    if (has("do_sample") && !samples) p.temperature = 0;
    if (const auto good = check(p); !good) refuse(path, good.error().message);
    if (!has("eos_token_id")) return;
    const json& ends = all["eos_token_id"];
    for (const json& end : ends.is_array() ? ends : json::array({ends})) {
      if (!end.is_number_unsigned() ||
          end.get<std::uint64_t>() >= static_cast<std::uint64_t>(model.spec_.vocab))
        refuse_key("eos_token_id", "a token or a list of tokens, each below vocab_size (" +
                                       std::to_string(model.spec_.vocab) + ")");
      model.tokenizer_.more_ends.push_back(end.get<int>());
    }
  }

  void tokenizer(const fs::path& folder) {
    const fs::path path = folder / "tokenizer.json";
    const json all = read_json(path);
    const json bpe = all.value("model", json::object());
    if (!bpe.is_object() || !bpe.contains("vocab") || !bpe["vocab"].is_object() ||
        !bpe.contains("merges") || !bpe["merges"].is_array())
      refuse(path, "key 'model': expected a BPE model with the keys 'vocab' and 'merges'",
             ErrorCode::unavailable);
    TokenizerSpec& t = model.tokenizer_;
    const auto put = [&](const json& id, const std::string& token, bool special) {
      if (!id.is_number_unsigned() ||
          id.get<std::uint64_t>() >= static_cast<std::uint64_t>(model.spec_.vocab))
        refuse(path, "token '" + token.substr(0, 60) + "': found id " + id.dump().substr(0, 30) +
                         ", expected an id below vocab_size (" + std::to_string(model.spec_.vocab) +
                         ")");
      const auto at = id.get<std::size_t>();
      if (at >= t.tokens.size()) t.tokens.resize(at + 1), t.special.resize(at + 1);
      t.tokens[at] = token;
      t.special[at] = special;
    };
    for (const auto& [token, id] : bpe["vocab"].items()) put(id, token, false);
    for (const json& added : all.value("added_tokens", json::array()))
      if (added.is_object() && added.contains("id") && added.contains("content") &&
          added["content"].is_string())
        put(added["id"], added["content"], true);
    for (const json& merge : bpe["merges"]) {
      if (merge.is_string()) t.merges.push_back(merge);
      else if (merge.is_array() && merge.size() == 2 && merge[0].is_string() &&
               merge[1].is_string())
        t.merges.push_back(merge[0].get<std::string>() + " " + merge[1].get<std::string>());
      else refuse(path, "found a merge " + merge.dump().substr(0, 60) + ", expected two tokens");
    }
    t.whole_words_first = bpe.value("ignore_merges", false);
    if (all.contains("pre_tokenizer") && all["pre_tokenizer"].is_object())
      pre_tokenizer(path, all["pre_tokenizer"], t);
    std::error_code failed;
    if (fs::exists(folder / "chat_template.jinja", failed))
      t.chat_template = read_text(folder / "chat_template.jinja");
    if (!fs::exists(folder / "tokenizer_config.json", failed)) return;
    const json config = read_json(folder / "tokenizer_config.json");
    const auto id_of = [&](const char* key) {
      const json value = config.value(key, json());
      const std::string token = value.is_string()   ? value.get<std::string>()
                                : value.is_object() ? value.value("content", "")
                                                    : "";
      const auto at = std::find(t.tokens.begin(), t.tokens.end(), token);
      return token.empty() || at == t.tokens.end() ? -1 : static_cast<int>(at - t.tokens.begin());
    };
    t.bos = id_of("bos_token");
    t.eos = id_of("eos_token");
    t.add_bos = config.contains("add_bos_token") && config["add_bos_token"] == true;
    if (t.chat_template.empty())
      t.chat_template = chat_template(config.value("chat_template", json()));
  }

  // The value of the key chat_template in tokenizer_config.json, where older models have it: a
  // text, or a list of named texts, of which the one named "default" is taken.
  static std::string chat_template(const json& value) {
    if (value.is_string()) return value;
    for (const json& named : value.is_array() ? value : json::array())
      if (named.is_object() && named.value("name", json()) == "default" &&
          named.value("template", json()).is_string())
        return named["template"];
    return "";
  }

  std::shared_ptr<const ModelFile> run(const fs::path& folder, const fs::path& file) {
    model.path_ = file;
    if (file.extension() == ".json") {
      const json index = read_json(file);
      std::map<std::string, std::set<std::string>> shards;
      if (!index.contains("weight_map") || !index["weight_map"].is_object())
        refuse(file, "key 'weight_map': expected an object");
      for (const auto& [name, shard] : index["weight_map"].items()) {
        // Only a plain file name: a path could lead out of the model's folder.
        if (!shard.is_string() ||
            fs::path(shard.get<std::string>()).filename() != fs::path(shard.get<std::string>()) ||
            shard == "..")
          refuse(file, "tensor '" + name.substr(0, 100) + "': found shard " +
                           shard.dump().substr(0, 100) +
                           ", expected the name of a file in the same folder");
        shards[shard].insert(name);
      }
      for (const auto& [shard, names] : shards) add(folder / shard, &names);
    } else add(file, nullptr);
    spec(folder / "config.json");
    tokenizer(folder);
    generation(folder / "generation_config.json");
    if (auto whole_model = model.check(); !whole_model) throw Refusal{whole_model.error()};
    return made;
  }
};

Result<std::shared_ptr<const ModelFile>> open_safetensors(const fs::path& folder,
                                                          const fs::path& file) {
  try {
    return SafetensorsReader().run(folder, file);
  } catch (const Refusal& refusal) {
    return refusal.error;
  } catch (const json::exception& wrong) {
    return Error{ErrorCode::corrupt, file.string() + ": " + wrong.what()};
  }
}

}  // namespace limelight::stages
