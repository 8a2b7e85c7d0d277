#include <algorithm>
#include <cmath>

#include "stages/models/gguf_metadata.hpp"
#include "stages/models/refusal.hpp"
#include "stages/models/rope.hpp"

namespace limelight::stages {

namespace {

// Keys below the architecture's name that change nothing here.
const std::set<std::string_view> harmless_keys{
    "vocab_size",              // the embedding has as many rows
    "rope.scaling.finetuned",  // how the model was made
};

[[noreturn]] void wrong(const GgufMetadata& metadata,
                        const std::string& key,
                        const std::string& found,
                        const std::string& expected) {
  refuse(metadata.file(),
         "the metadata's key '" + key + "': found " + found + ", expected " + expected);
}

struct ShapeReader {
  const GgufMetadata& metadata;
  const Architecture& a;
  std::map<std::string, FileTensor, std::less<>>& tensors;
  DecoderShape s = {};

  std::string key(const char* name) const { return std::string(a.gguf) + "." + name; }
  double real(const char* name, double otherwise) const {
    return metadata.number(key(name)).value_or(otherwise);
  }

  // Takes a vector out of the tensors.
  std::vector<float> take(const char* name) {
    const auto at = tensors.find(name);
    if (at == tensors.end()) return {};
    const FileTensor tensor = at->second;
    tensors.erase(at);
    if (tensor.rows != 1 || tensor.cols > 1024)
      refuse(metadata.file(), std::string("tensor '") + name + "': found [" +
                                  std::to_string(tensor.rows) + ", " + std::to_string(tensor.cols) +
                                  "], expected a factor for each pair of a head");
    std::vector<float> values(tensor.cols);
    unpack_blocks(tensor.type, tensor.data, values);
    return values;
  }

  RopeShape made_rope(const RopeParameters& p) const {
    const auto made = make_rope(p);
    if (!made)
      refuse(metadata.file(),
             "the metadata's keys '" + key("rope...") + "': " + made.error().message,
             made.error().code);
    return *made;
  }

  void rope() {
    RopeParameters p;
    p.base = real("rope.freq_base", a.rope_base);
    p.dims = metadata.whole(key("rope.dimension_count")).value_or(s.head_dim);
    if (p.dims < 2 || p.dims > s.head_dim || p.dims % 2 != 0)
      wrong(metadata, key("rope.dimension_count"), std::to_string(p.dims),
            "an even number, " + std::to_string(s.head_dim) + " at most");
    p.context = s.max_model_len;
    const auto* kind = metadata.find<std::string_view>(key("rope.scaling.type"));
    p.factor = metadata.number(key("rope.scaling.factor"));
    // Without a type a factor is that of the linear kind, as in llama.cpp.
    const std::string usual = p.factor ? "linear" : "none";
    p.type = kind == nullptr ? usual : std::string(*kind);
    if (p.type == "none") p.type = "default";
    p.original_context = real("rope.scaling.original_context_length", 0);
    p.fast = real("rope.scaling.yarn_beta_fast", p.fast);
    p.slow = real("rope.scaling.yarn_beta_slow", p.slow);
    p.long_factor = take("rope_factors_long");
    p.short_factor = take("rope_factors_short");
    const std::vector<float> divisors = take("rope_freqs");
    const auto attention = metadata.number(key("rope.scaling.attn_factor"));
    if (!p.long_factor.empty() || !p.short_factor.empty()) {
      p.type = "longrope";
      p.attention_factor = attention;
    } else if (p.type != "default" && p.type != "linear" && p.type != "yarn") {
      refuse(metadata.file(),
             "the metadata's key '" + key("rope.scaling.type") + "': found '" +
                 p.type.substr(0, 60) + "', expected linear, yarn, none, or factors in tensors",
             ErrorCode::unavailable);
    } else if (attention.value_or(1) != 1) {
      // llama.cpp multiplies by it what YaRN scales by, and rows of other kinds.
      wrong(metadata, key("rope.scaling.attn_factor"), std::to_string(*attention),
            "1: another one is known with factors in tensors alone");
    }
    auto made = made_rope(p);
    if (!divisors.empty() && divisors.size() != made.frequencies.size())
      refuse(metadata.file(), "tensor 'rope_freqs': found " + std::to_string(divisors.size()) +
                                  " rotary factors, expected " +
                                  std::to_string(made.frequencies.size()));
    for (std::size_t i = 0; i < divisors.size(); ++i) made.frequencies[i] /= divisors[i];
    made.interleaved = a.interleaved;
    s.ropes = {made};
    if (a.local_rope_base == 0) return;
    auto local = made_rope({.base = real("rope.freq_base_swa", a.local_rope_base),
                            .dims = p.dims,
                            .context = p.context,
                            .short_factor = {},
                            .long_factor = {}});
    s.ropes.push_back(local);
    for (LayerShape& layer : s.each_layer) layer.rope = layer.window > 0 ? 1 : 0;
  }

  // Which layers are which is a rule of the family; the files do not state it.
  void layers() {
    s.each_layer.resize(static_cast<std::size_t>(std::clamp(s.layers, 0, 1024)));
    const int window =
        metadata.whole(key("attention.sliding_window"))
            .value_or(a.windows == Windows::alternating || a.windows == Windows::pattern ? a.window
                                                                                         : 0);
    for (std::size_t l = 0; l < s.each_layer.size(); ++l) {
      LayerShape& layer = s.each_layer[l];
      if (a.skips_rope && (l + 1) % 4 == 0) layer.rope = -1;
      const bool has = a.windows == Windows::alternating ? l % 2 == 0
                       : a.windows == Windows::pattern   ? (l + 1) % 6 != 0
                                                         : a.windows == Windows::all;
      if (has) layer.window = window;
      else if (window > 0 && a.windows != Windows::alternating && a.windows != Windows::pattern)
        refuse(metadata.file(),
               "the metadata's key '" + key("attention.sliding_window") + "': found " +
                   std::to_string(window) + ", expected none for " + a.gguf,
               ErrorCode::unavailable);
      layer.experts = a.experts;
    }
  }

  void experts() {
    ExpertsShape& e = s.experts;
    e.count = metadata.needed(key("expert_count"));
    e.used = metadata.needed(key("expert_used_count"));
    // A rule of the families; a file may state it.
    e.normalised = real("expert_weights_norm", a.shared_expert ? 0 : 1) != 0;
    e.mlp = metadata.needed(key("expert_feed_forward_length"));
    if (a.shared_expert) e.shared_mlp = metadata.needed(key("expert_shared_feed_forward_length"));
    if (const double scale = real("expert_weights_scale", 1); scale != 1)
      wrong(metadata, key("expert_weights_scale"), std::to_string(scale), "1");
  }

  void scales() {
    if (a.scaled_embedding) s.embedding_scale = std::sqrt(static_cast<float>(s.hidden));
    if (a.attention_cap) s.attention_cap = static_cast<float>(real("attn_logit_softcapping", 50));
    if (a.logit_cap)
      s.logit_cap = static_cast<float>(real("final_logit_softcapping", a.attention_cap ? 30 : 0));
    if (const auto scale = metadata.number(key("attention.scale")))
      s.attention_scale = static_cast<float>(*scale);
    // The published models of 27 billion parameters divide by the size that a head would have if
    // all of them were as wide as the rows; the files do not say so.
    const int of_27b = a.windows == Windows::alternating ? 46 : 62;
    if (a.scaled_embedding && s.layers == of_27b && s.heads > 0)
      s.attention_scale = 1 / std::sqrt(static_cast<float>(s.hidden) / static_cast<float>(s.heads));
  }

  DecoderShape read() {
    s.layers = metadata.needed(key("block_count"));
    s.hidden = metadata.needed(key("embedding_length"));
    s.heads = metadata.needed(key("attention.head_count"));
    s.kv_heads = metadata.whole(key("attention.head_count_kv")).value_or(s.heads);
    s.head_dim =
        metadata.whole(key("attention.key_length")).value_or(s.heads > 0 ? s.hidden / s.heads : 0);
    if (const int values = metadata.whole(key("attention.value_length")).value_or(s.head_dim);
        values != s.head_dim)
      wrong(metadata, key("attention.value_length"), std::to_string(values),
            std::to_string(s.head_dim) + ", as attention.key_length");
    s.mlp = metadata.needed(key("feed_forward_length"));
    s.max_model_len = metadata.needed(key("context_length"));
    if (const auto embedding = tensors.find("embed_tokens"); embedding != tensors.end())
      s.vocab = static_cast<int>(std::min<std::uint64_t>(embedding->second.rows, 1u << 30));
    s.norm_eps = static_cast<float>(real("attention.layer_norm_rms_epsilon", 1e-5));
    s.activation = a.activation;
    if (s.head_dim < 1 || s.head_dim > 1024)
      wrong(metadata, key("attention.key_length"), std::to_string(s.head_dim), "1 to 1024");
    layers();
    if (a.experts) experts();
    else if (const int count = metadata.whole(key("expert_count")).value_or(0); count > 0)
      wrong(metadata, key("expert_count"), std::to_string(count),
            "none for " + std::string(a.gguf));
    scales();
    rope();
    metadata.refuse_others(std::string(a.gguf) + ".", harmless_keys);
    return std::move(s);
  }
};

}  // namespace

std::optional<double> GgufMetadata::number(const std::string& key) const {
  const auto* n = find<double>(key);
  if (n == nullptr) return {};
  if (!std::isfinite(*n)) wrong(*this, key, "no number", "one");
  return *n;
}

void GgufMetadata::refuse_type(const std::string& key,
                               const Value& found,
                               const Value& expected) const {
  static constexpr const char* names[] = {"a number", "a text", "a list of texts",
                                          "a list of numbers"};
  wrong(*this, key, names[found.index()], names[expected.index()]);
}

std::optional<int> GgufMetadata::whole(const std::string& key) const {
  const auto n = number(key);
  if (!n) return {};
  if (*n != std::floor(*n) || *n < 0 || *n > 2e9)
    wrong(*this, key, std::to_string(*n), "a whole number");
  return static_cast<int>(*n);
}

int GgufMetadata::needed(const std::string& key) const {
  const auto n = whole(key);
  if (!n) wrong(*this, key, "nothing", "a whole number");
  return *n;
}

void GgufMetadata::refuse_others(const std::string& prefix,
                                 const std::set<std::string_view>& harmless) const {
  for (const auto& [name, value] : all_)
    if (name.starts_with(prefix) && !asked_.contains(name) &&
        !harmless.contains(name.substr(prefix.size())))
      refuse(file_,
             "the metadata's key '" + std::string(name.substr(0, 100)) +
                 "': expected no such key: it is not known here, and may change results",
             ErrorCode::unavailable);
}

const Architecture& gguf_architecture(const GgufMetadata& metadata) {
  const auto* name = metadata.find<std::string_view>("general.architecture");
  if (name == nullptr)
    refuse(metadata.file(),
           "found nothing, expected a text in the metadata's key 'general.architecture'");
  const Architecture* architecture = find_gguf_architecture(*name);
  if (architecture == nullptr)
    refuse(metadata.file(),
           "model " + std::string(name->substr(0, 60)) + " is not supported: found architecture '" +
               std::string(name->substr(0, 60)) + "', expected " + architecture_names(true),
           ErrorCode::unavailable);
  return *architecture;
}

std::string gguf_tensor_name(std::string_view name, const Architecture& architecture) {
  static const std::map<std::string_view, const char*> parts{
      {"attn_q", "q_proj"},
      {"attn_k", "k_proj"},
      {"attn_v", "v_proj"},
      {"attn_qkv", "qkv_proj"},
      {"attn_output", "o_proj"},
      {"attn_q_norm", "q_norm"},
      {"attn_k_norm", "k_norm"},
      {"attn_norm", "input_norm"},
      {"post_attention_norm", "attention_out_norm"},
      {"ffn_norm", "post_norm"},
      {"post_ffw_norm", "mlp_out_norm"},
      {"ffn_gate", "gate_proj"},
      {"ffn_up", "up_proj"},
      {"ffn_down", "down_proj"},
      {"ffn_gate_inp", "router"},
      {"ffn_gate_exps", "experts.gate_proj"},
      {"ffn_up_exps", "experts.up_proj"},
      {"ffn_down_exps", "experts.down_proj"},
      {"ffn_gate_inp_shexp", "shared_expert_gate"},
      {"ffn_gate_shexp", "shared_expert.gate_proj"},
      {"ffn_up_shexp", "shared_expert.up_proj"},
      {"ffn_down_shexp", "shared_expert.down_proj"}};
  const auto dot = name.rfind('.');
  if (dot == std::string_view::npos) return "";
  const std::string_view kind = name.substr(dot + 1), stem = name.substr(0, dot);
  if (kind != "weight" && kind != "bias") return "";
  const std::string suffix = kind == "bias" ? ".bias" : "";
  if (stem == "token_embd") return "embed_tokens" + suffix;
  if (stem == "output") return "lm_head" + suffix;
  if (stem == "output_norm") return "norm" + suffix;
  if (stem == "rope_freqs" || stem == "rope_factors_long" || stem == "rope_factors_short")
    return std::string(stem);
  if (!stem.starts_with("blk.")) return "";
  const auto second = stem.find('.', 4);
  if (second == std::string_view::npos) return "";
  const std::string_view part = stem.substr(second + 1);
  const auto known = parts.find(part);
  if (known == parts.end()) return "";
  const bool both = architecture.fused && part == "ffn_up";
  return "layers." + std::string(stem.substr(4, second - 4)) + "." +
         (both ? "gate_up_proj" : known->second) + suffix;
}

DecoderShape gguf_shape(const GgufMetadata& metadata,
                        const Architecture& architecture,
                        std::map<std::string, FileTensor, std::less<>>& tensors) {
  return ShapeReader{metadata, architecture, tensors}.read();
}

}  // namespace limelight::stages
