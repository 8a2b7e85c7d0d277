// Reads safetensors files, as the README of that project defines the format:
//
//   length of the header (8 bytes) | header: JSON | data of the tensors
//
// The header states type, shape and offsets of each tensor. The shape of the network is in
// config.json in the same folder, its tokenizer in tokenizer.json, and how its authors would have
// it sample in generation_config.json.
#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "stages/models/hf_files.hpp"
#include "stages/models/model_file.hpp"

namespace limelight::stages {

using nlohmann::json;
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t most_header = most_json_bytes;

// Tensors that are no weights: they can be computed.
bool is_computed(const std::string& name) { return name.ends_with("rotary_emb.inv_freq"); }

// Maps a tensor's name to ModelFile's: "model.layers.0.self_attn.q_proj.weight" to
// "layers.0.q_proj". Empty if no decoder of this architecture uses the tensor.
std::string our_name(std::string name, const Architecture& architecture) {
  static const std::map<std::string_view, const char*> parts{
      {"input_layernorm", "input_norm"},
      {"self_attn.q_proj", "q_proj"},
      {"self_attn.k_proj", "k_proj"},
      {"self_attn.v_proj", "v_proj"},
      {"self_attn.o_proj", "o_proj"},
      {"self_attn.qkv_proj", "qkv_proj"},
      {"self_attn.q_norm", "q_norm"},
      {"self_attn.k_norm", "k_norm"},
      {"mlp.gate_proj", "gate_proj"},
      {"mlp.up_proj", "up_proj"},
      {"mlp.down_proj", "down_proj"},
      {"mlp.gate_up_proj", "gate_up_proj"},
      {"mlp.gate", "router"},
      {"mlp.shared_expert_gate", "shared_expert_gate"},
      {"pre_feedforward_layernorm", "post_norm"},
      {"post_feedforward_layernorm", "mlp_out_norm"}};
  if (name.starts_with("model.")) name.erase(0, 6);
  std::string suffix;
  if (name.ends_with(".weight")) name.erase(name.size() - 7);
  else if (name.ends_with(".bias")) name.erase(name.size() - 5), suffix = ".bias";
  else if (!name.ends_with(".experts.gate_up_proj") && !name.ends_with(".experts.down_proj"))
    return "";
  if (name == "embed_tokens" || name == "lm_head" || name == "norm") return name + suffix;
  if (!name.starts_with("layers.")) return "";
  const auto second = name.find('.', 7);
  if (second == std::string::npos) return "";
  const std::string layer = name.substr(0, second + 1), part = name.substr(second + 1);
  if (part == "post_attention_layernorm")
    return layer + (architecture.out_norms ? "attention_out_norm" : "post_norm");
  for (const char* several : {"mlp.experts.", "mlp.shared_expert."})
    if (part.starts_with(several)) return layer + part.substr(4) + suffix;
  const auto known = parts.find(part);
  return known == parts.end() ? "" : layer + known->second + suffix;
}

}  // namespace

struct SafetensorsReader {
  std::shared_ptr<ModelFile> made{new ModelFile};
  ModelFile& model = *made;
  NetworkConfig network;

  // Adds the tensors of one file. wanted: the names that the index assigns to this file; nullptr:
  // all.
  void add(const fs::path& path, const std::set<std::string>* wanted) {
    auto mapped = MappedFile::open(path);
    if (!mapped) throw ModelRefusal{mapped.error()};
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
      const std::string ours = our_name(name, *network.architecture);
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
      if (is_computed(name) || (wanted != nullptr && !wanted->contains(name))) continue;
      if (ours.empty())
        refuse(path,
               quoted + ": expected none of this name: no part of a " + network.architecture->name +
                   " here uses it",
               ErrorCode::unavailable);
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
          end.get<std::uint64_t>() >= static_cast<std::uint64_t>(model.shape_.vocab))
        refuse_key("eos_token_id", "a token or a list of tokens, each below vocab_size (" +
                                       std::to_string(model.shape_.vocab) + ")");
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
          id.get<std::uint64_t>() >= static_cast<std::uint64_t>(model.shape_.vocab))
        refuse(path, "token '" + token.substr(0, 60) + "': found id " + id.dump().substr(0, 30) +
                         ", expected an id below vocab_size (" +
                         std::to_string(model.shape_.vocab) + ")");
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

  // A head that is the embedding may be in the file as well. What it should be if it differs,
  // readers disagree about.
  void tie(const fs::path& file) {
    const FileTensor *head = model.find("lm_head"), *embedding = model.find("embed_tokens");
    if (!network.parts.tied || head == nullptr || embedding == nullptr) return;
    if (head->type != embedding->type || head->rows != embedding->rows ||
        head->cols != embedding->cols ||
        std::memcmp(head->data, embedding->data, head->rows * head->row_bytes()) != 0)
      refuse(file,
             "tensor 'lm_head.weight': found other values than in the embedding, expected "
             "equal ones, as tie_word_embeddings is true");
    model.tensors_.erase("lm_head");
  }

  std::shared_ptr<const ModelFile> run(const fs::path& folder, const fs::path& file) {
    model.path_ = file;
    network = read_network_config(folder / "config.json");
    model.shape_ = network.shape;
    model.norms_from_one_ = network.architecture->norms_from_one;
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
    tie(file);
    tokenizer(folder);
    generation(folder / "generation_config.json");
    if (model.tokenizer_.more_ends.empty()) model.tokenizer_.more_ends = network.ends;
    if (auto whole_model = model.check(network.parts); !whole_model)
      throw ModelRefusal{whole_model.error()};
    return made;
  }
};

Result<std::shared_ptr<const ModelFile>> open_safetensors(const fs::path& folder,
                                                          const fs::path& file) {
  try {
    return SafetensorsReader().run(folder, file);
  } catch (const ModelRefusal& refusal) {
    return refusal.error;
  } catch (const json::exception& wrong) {
    return Error{ErrorCode::corrupt, file.string() + ": " + wrong.what()};
  }
}

}  // namespace limelight::stages
