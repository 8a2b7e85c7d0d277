// Reads models from safetensors files (safetensors_file.hpp). The shape of the network is in
// config.json in the same folder, its tokenizer in tokenizer.json, and how its authors would have
// it sample in generation_config.json.
#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>
#include <set>

#include "stages/models/hf_files.hpp"
#include "stages/models/model_file.hpp"
#include "stages/models/safetensors_file.hpp"
#include "stages/models/tts_inputs.hpp"

namespace limelight::stages {

using nlohmann::json;
namespace fs = std::filesystem;

namespace {

// Tensors that are no weights: they can be computed.
bool is_computed(const std::string& name) { return name.ends_with("rotary_emb.inv_freq"); }

// Maps the name of a decoder's tensor to ModelFile's: "layers.0.self_attn.q_proj.weight" to
// "layers.0.q_proj". Empty if no decoder of this architecture uses the tensor.
std::string decoder_name(std::string name, const Architecture& architecture) {
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
    return layer + (architecture.out_norms ? "attention_out_norm" : "post_norm") + suffix;
  for (const char* several : {"mlp.experts.", "mlp.shared_expert."})
    if (part.starts_with(several)) return layer + part.substr(4) + suffix;
  const auto known = parts.find(part);
  return known == parts.end() ? "" : layer + known->second + suffix;
}

std::string our_name(std::string name, const NetworkConfig& network) {
  if (network.names.empty()) {
    if (name.starts_with("model.")) name.erase(0, 6);
    return decoder_name(std::move(name), *network.architecture);
  }
  for (const auto& [from, to, whole, plain] : network.names) {
    if (!name.starts_with(from)) continue;
    const std::string rest = name.substr(from.size());
    if (plain) return to + (rest.ends_with(".weight") ? rest.substr(0, rest.size() - 7) : rest);
    if (whole && rest == ".weight") return to;
    if (whole && rest == ".bias") return to + rest;
    const std::string part = whole ? "" : decoder_name(rest, *network.architecture);
    if (!part.empty()) return to + part;
  }
  return "";
}

}  // namespace

struct SafetensorsReader {
  std::shared_ptr<ModelFile> made{new ModelFile};
  ModelFile& model = *made;
  NetworkConfig network;

  // Adds the tensors of one file. wanted: the names that the index assigns to this file; nullptr:
  // all.
  void add(const fs::path& path, const std::set<std::string>* wanted) {
    model.files_.push_back(read_safetensors(
        path, [&](const SafetensorsEntry& entry) { add_tensor(path, wanted, entry); }));
  }

  void add_tensor(const fs::path& path,
                  const std::set<std::string>* wanted,
                  const SafetensorsEntry& entry) {
    const std::string& name = entry.name;
    const std::string ours = our_name(name, network);
    const auto begins = [&](const std::string& with) { return name.starts_with(with); };
    if (ours.empty() && std::any_of(network.unread.begin(), network.unread.end(), begins)) return;
    // A shared expert of no width adds nothing.
    if (network.architecture->shared_expert && network.shape.experts.shared_mlp == 0 &&
        ours.find(".shared_expert") != std::string::npos)
      return;
    if (is_computed(name)) return;
    if (wanted != nullptr && !wanted->contains(name))
      refuse(path, entry.quoted() + ": expected none of this name in this file: the index, " +
                       model.path_.filename().string() + ", does not say so");
    if (ours.empty())
      refuse(path,
             entry.quoted() + ": expected none of this name: no part of a " +
                 network.architecture->name + " here uses it",
             ErrorCode::unavailable);
    FileTensor tensor{.type = weight_type(path, entry)};
    for (std::size_t d = 0; d < entry.shape.size(); ++d)
      if (d + 1 == entry.shape.size()) tensor.cols = entry.shape[d];
      else tensor.rows *= entry.shape[d];
    tensor.data = entry.data;
    if (!model.tensors_.emplace(ours, tensor).second)
      refuse(path,
             "found " + entry.quoted() + " a second time, expected one tensor for each weight");
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

  // Each encoder is there with all its tensors, or not at all.
  void expect_encoders() {
    const auto expect = [&](const std::string& at, const std::vector<ExpectedTensor>& tensors) {
      const auto first = model.tensors_.lower_bound(at);
      if (first == model.tensors_.end() || !first->first.starts_with(at)) return false;
      for (const ExpectedTensor& tensor : tensors)
        network.tensors.push_back({at + tensor.name, tensor.rows, tensor.cols});
      return true;
    };
    OmniMedia& media = model.omni_ ? static_cast<OmniMedia&>(*model.omni_) : *model.qwen2_5_;
    media.hears = expect("audio_tower.", tensors_of(media.encoders.audio));
    media.sees = expect("visual.", tensors_of(media.encoders.vision));
  }

  // What generate() of the reference does without being told.
  void talker_sampling() {
    model.sampling_ = {
        .temperature = 0.9f, .top_k = 50, .max_tokens = 4096, .repetition_penalty = 1.05f};
    if (model.qwen2_5_) model.sampling_.top_k = 40, model.sampling_.top_p = 0.8f;
  }

  std::shared_ptr<const ModelFile> run(const fs::path& folder,
                                       const fs::path& file,
                                       std::string_view part) {
    model.path_ = file;
    network = read_network_config(folder / "config.json", part);
    model.shape_ = network.shape;
    model.qwen2_5_ = network.qwen2_5;
    model.omni_ = network.omni;
    model.tts_ = network.tts;
    model.norms_from_one_ = network.architecture->norms_from_one;
    if (file.extension() == ".json")
      for (const auto& [shard, names] : read_shards(file)) add(folder / shard, &names);
    else add(file, nullptr);
    tie(file);
    if (model.media() != nullptr && part == "thinker") expect_encoders();
    if (model.tts_) {
      model.tokenizer_ = read_tokenizer(folder, model.tts_->text_vocab);
      model.tokenizer_.chat_template = tts_template;  // the reference's code has it, no file
      const TtsSampling sampling = read_tts_sampling(folder / "generation_config.json");
      model.sampling_ = sampling.talker;
      model.tts_->subtalker = sampling.subtalker;
    } else if (part == "talker") {
      talker_sampling();
      model.sampling_ = read_talker_sampling(folder / "generation_config.json", model.sampling_);
    } else {
      model.tokenizer_ = read_tokenizer(folder, model.shape_.vocab);
      const auto generation =
          read_generation_config(folder / "generation_config.json", model.shape_.vocab,
                                 network.omni.has_value() || network.qwen2_5.has_value());
      model.sampling_ = generation.sampling;
      model.tokenizer_.more_ends = generation.ends;
      if (model.tokenizer_.more_ends.empty()) model.tokenizer_.more_ends = network.ends;
    }
    network.decoders.push_back({.shape = network.shape, .parts = network.parts});
    if (auto whole_model = model.check(network.decoders, network.tensors); !whole_model)
      throw ModelRefusal{whole_model.error()};
    return made;
  }
};

Result<std::shared_ptr<const ModelFile>> open_safetensors(const fs::path& folder,
                                                          const fs::path& file,
                                                          std::string_view part) {
  try {
    return SafetensorsReader().run(folder, file, part);
  } catch (const ModelRefusal& refusal) {
    return refusal.error;
  } catch (const json::exception& wrong) {
    return Error{ErrorCode::corrupt, file.string() + ": " + wrong.what()};
  }
}

}  // namespace limelight::stages
