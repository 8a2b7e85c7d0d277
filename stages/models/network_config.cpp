// Reads config.json: the architecture, and with its row of the table the shape of the network.
#include <algorithm>
#include <cmath>

#include "stages/models/config_keys.hpp"
#include "stages/models/hf_files.hpp"
#include "stages/models/rope.hpp"

namespace limelight::stages {

using nlohmann::json;
namespace fs = std::filesystem;

namespace {

struct NetworkReader {
  ConfigKeys keys;
  NetworkConfig result = {};
  DecoderShape& shape = result.shape;

  bool flag(const Flag& flag) {
    return flag.key == nullptr ? flag.otherwise : keys.flag(flag.key, flag.otherwise);
  }

  Activation activation(const Architecture& a) {
    const json& name = keys[a.activation_key];
    if (name.is_null()) return a.activation;
    if (name == "silu" || name == "swish") return Activation::silu;
    if (name == "gelu") return Activation::gelu;
    if (name == "gelu_pytorch_tanh" || name == "gelu_new") return Activation::gelu_tanh;
    keys.wrong(a.activation_key, "silu, gelu or gelu_pytorch_tanh");
  }

  // object: rope_parameters, rope_scaling or a part of them; base: where it has no rope_theta.
  RopeShape rope(const Architecture& a, const json& object, double base) {
    static const json none = json::object();
    ConfigKeys rope(keys.file(), object.is_object() ? object : none, "rope_parameters.");
    RopeParameters p;
    const json &type = rope["rope_type"], &older = rope["type"];
    const json& named = type.is_null() ? older : type;
    if (!named.is_null() && !named.is_string()) rope.wrong("rope_type", "a word");
    p.type = named.is_null() ? "default" : named.get<std::string>();
    if (a.fused && (p.type == "su" || p.type == "yarn")) p.type = "longrope";  // of older Phi-3
    p.base = rope.real("rope_theta", base);
    const double part = rope.real("partial_rotary_factor", keys.real("partial_rotary_factor", 1));
    if (!(part > 0 && part <= 1)) rope.wrong("partial_rotary_factor", "above 0, 1 at most");
    p.dims = static_cast<int>(std::clamp(shape.head_dim, 0, 4096) * part);
    // Some readers obey the key here, the reference does not.
    if (part < 1 && p.type == "default" && !a.fused)
      refuse(keys.file(),
             "key 'partial_rotary_factor': found " + std::to_string(part) + ", expected 1 for " +
                 a.name + " without a rope_type",
             ErrorCode::unavailable);
    if (p.dims % 2 != 0 && part == 1) keys.wrong("head_dim", "an even number");
    if (p.dims % 2 != 0) rope.wrong("partial_rotary_factor", "one that leaves pairs of numbers");
    p.context = shape.max_model_len;
    // Each class has a number of its own without the key.
    if (p.type != "default" && p.type != "linear" && !keys.has("max_position_embeddings"))
      keys.wrong("max_position_embeddings", "a whole number, as rope_type is " + p.type);
    p.factor = rope.real("factor");
    p.attention_factor = rope.real("attention_factor");
    p.original_context = rope.real("original_max_position_embeddings", 0);
    if (keys.has("original_max_position_embeddings"))
      p.original_context = keys.real("original_max_position_embeddings", 0);
    p.low = rope.real("low_freq_factor", p.low);
    p.high = rope.real("high_freq_factor", p.high);
    // 0 is none, too.
    if (const double fast = rope.real("beta_fast", 0); fast != 0) p.fast = fast;
    if (const double slow = rope.real("beta_slow", 0); slow != 0) p.slow = slow;
    p.mscale = rope.real("mscale", 0);
    p.mscale_all = rope.real("mscale_all_dim", 0);
    p.truncate = rope.flag("truncate", true);
    p.short_factor = rope.reals("short_factor");
    p.long_factor = rope.reals("long_factor");
    // The positions of text are the same in each section.
    const json& sections = rope["mrope_section"];
    (void)rope["mrope_interleaved"];
    if (!sections.is_null()) (void)rope["interleaved"];
    rope.refuse_others(false, a.name);
    auto made = make_rope(p);
    if (!made) refuse(keys.file(), made.error().message, made.error().code);
    if (sections.is_array() && sections.size() == 3 && sections[1].is_number_unsigned() &&
        sections[2].is_number_unsigned()) {
      const auto most = static_cast<std::uint64_t>(p.dims);  // more than there can be
      made->height = static_cast<int>(std::min(sections[1].get<std::uint64_t>(), most));
      made->width = static_cast<int>(std::min(sections[2].get<std::uint64_t>(), most));
    } else if (!sections.is_null()) {
      rope.wrong("mrope_section", "three whole numbers");
    }
    if (a.sections && sections.is_array() &&
        (!sections[0].is_number_unsigned() || sections[0].get<std::uint64_t>() +
                                                      static_cast<std::uint64_t>(made->height) +
                                                      static_cast<std::uint64_t>(made->width) !=
                                                  static_cast<std::uint64_t>(p.dims / 2)))
      rope.wrong("mrope_section", "three whole numbers with the sum " + std::to_string(p.dims / 2));
    made->sections = a.sections && (made->height > 0 || made->width > 0);
    return *made;
  }

  void ropes(const Architecture& a) {
    const json &parameters = keys["rope_parameters"], &scaling = keys["rope_scaling"];
    for (const char* key : {"rope_parameters", "rope_scaling"})
      if (keys.has(key) && !keys[key].is_object()) keys.wrong(key, "an object, or null");
    const double base = keys.real("rope_theta", a.rope_base),
                 local = a.local_rope_base > 0
                             ? keys.real("rope_local_base_freq", a.local_rope_base)
                             : base;
    const json none;
    const bool nested = parameters.is_object() && (parameters.contains("full_attention") ||
                                                   parameters.contains("sliding_attention"));
    const json& all = scaling.is_object() && !scaling.empty() ? scaling : parameters;
    const auto part = [&](const char* name) {
      return parameters.contains(name) ? parameters[name] : none;
    };
    if (nested)
      for (const auto& [name, value] : parameters.items())
        if (name != "full_attention" && name != "sliding_attention")
          keys.wrong("rope_parameters",
                     "full_attention and sliding_attention alone, beside one "
                     "of them");
    shape.ropes = {nested ? rope(a, part("full_attention"), base) : rope(a, all, base)};
    if (a.local_rope_base == 0 && !nested) return;
    shape.ropes.push_back(rope(a, nested ? part("sliding_attention") : none, local));
    for (LayerShape& layer : shape.each_layer) layer.rope = layer.window > 0 ? 1 : 0;
  }

  bool has_window(const Architecture& a, int layer) {
    const auto used = [&] { return keys.flag("use_sliding_window", false); };
    const int late = a.windows == Windows::late || a.windows == Windows::early_even
                         ? keys.whole("max_window_layers", 28)
                         : 0;
    switch (a.windows) {
      case Windows::none: return false;
      case Windows::all: return true;
      case Windows::late: return used() && layer >= late;
      case Windows::early_even: return used() && layer % 2 == 0 && layer < late;
      case Windows::switched: return used();
      case Windows::alternating: return layer % 2 == 0;
      case Windows::pattern: {
        (void)keys["_sliding_window_pattern"];  // the class writes it beside layer_types
        const int pattern = keys.whole("sliding_window_pattern", 6);
        if (pattern < 1) keys.wrong("sliding_window_pattern", "1 or more");
        return (layer + 1) % pattern != 0;
      }
      case Windows::unrotated:
        return used() && shape.each_layer[static_cast<std::size_t>(layer)].rope < 0;
    }
    return false;
  }

  void layers(const Architecture& a) {
    shape.each_layer.resize(static_cast<std::size_t>(shape.layers));
    if (a.skips_rope) {
      const json& listed = keys["no_rope_layers"];
      const int interval = keys.whole("no_rope_layer_interval", 4);
      if (!listed.is_null() && (!listed.is_array() || listed.size() < shape.each_layer.size()))
        keys.wrong("no_rope_layers", "a number for each layer");
      for (std::size_t l = 0; l < shape.each_layer.size(); ++l) {
        const bool rotated =
            listed.is_null() ? interval == 0 || (l + 1) % static_cast<std::size_t>(interval) != 0
                             : listed[l] != 0;
        shape.each_layer[l].rope = rotated ? 0 : -1;
      }
    }
    if (a.windows == Windows::none) return;
    const bool stated = keys.object().contains("sliding_window");
    const int window = stated ? keys.whole("sliding_window", 0) : a.window;
    // With 0 the reference sees nothing, with 1 its cache keeps what the window leaves out.
    const auto check_window = [&] {
      if (window < 2 && keys.has("sliding_window"))
        keys.wrong("sliding_window", "2 or more, or null");
    };
    const bool listed = a.windows != Windows::all && a.windows != Windows::switched;
    static const json none;
    const json& types = listed ? keys["layer_types"] : none;
    if (!types.is_null() && (!types.is_array() || types.size() != shape.each_layer.size()))
      keys.wrong("layer_types",
                 "a word for each of the " + std::to_string(shape.layers) + " layers");
    for (std::size_t l = 0; l < shape.each_layer.size(); ++l) {
      bool has = has_window(a, static_cast<int>(l));
      if (!types.is_null()) {
        if (types[l] != "full_attention" && types[l] != "sliding_attention")
          keys.wrong("layer_types", "full_attention and sliding_attention alone");
        has = types[l] == "sliding_attention";
        const bool switched = a.windows != Windows::alternating && a.windows != Windows::pattern;
        if (has && switched && !keys.flag("use_sliding_window", false)) has = false;
      }
      if (has) check_window();
      shape.each_layer[l].window = has ? window : 0;
    }
  }

  void experts(const Architecture& a) {
    ExpertsShape& e = shape.experts;
    e.count = keys.has("num_experts") ? keys.whole("num_experts") : keys.whole("num_local_experts");
    (void)keys["num_local_experts"];
    e.used = keys.whole("num_experts_per_tok");
    e.mlp = keys.whole("moe_intermediate_size");
    e.normalised = keys.flag("norm_topk_prob", a.normalised);
    if (a.shared_expert) e.shared_mlp = keys.whole("shared_expert_intermediate_size");
    const int step = keys.whole("decoder_sparse_step", 1);
    const json& dense = keys["mlp_only_layers"];
    if (step < 1) keys.wrong("decoder_sparse_step", "1 or more");
    if (!dense.is_null() && !dense.is_array()) keys.wrong("mlp_only_layers", "a list of layers");
    for (int l = 0; l < shape.layers; ++l) {
      const bool listed =
          dense.is_array() && std::find(dense.begin(), dense.end(), l) != dense.end();
      shape.each_layer[static_cast<std::size_t>(l)].experts =
          e.count > 0 && (a.all_experts || (!listed && (l + 1) % step == 0));
    }
  }

  void ends() {
    const json& ends = keys["eos_token_id"];
    if (ends.is_null()) return;
    for (const json& end : ends.is_array() ? ends : json::array({ends})) {
      if (!end.is_number_unsigned() ||
          end.get<std::uint64_t>() >= static_cast<std::uint64_t>(shape.vocab))
        keys.wrong("eos_token_id", "a token or a list of tokens, each below vocab_size (" +
                                       std::to_string(shape.vocab) + ")");
      result.ends.push_back(end.get<int>());
    }
  }

  float cap(const char* key, float otherwise) {
    if (!keys.object().contains(key)) return otherwise;
    const double value = keys.real(key, 0);
    if (value < 0) keys.wrong(key, "0 or more");
    return static_cast<float>(value);
  }

  NetworkConfig read(const Architecture& a) {
    (void)keys["model_type"];
    result.architecture = &a;
    shape.layers = keys.whole("num_hidden_layers");
    shape.hidden = keys.whole("hidden_size");
    shape.heads = keys.whole("num_attention_heads");
    shape.kv_heads = keys.whole("num_key_value_heads", shape.heads);
    shape.head_dim = keys.whole("head_dim", a.head_dim > 0    ? a.head_dim
                                            : shape.heads > 0 ? shape.hidden / shape.heads
                                                              : 0);
    shape.mlp = keys.whole("intermediate_size");
    shape.vocab = keys.whole("vocab_size");
    shape.max_model_len = keys.whole("max_position_embeddings", 2048);
    if (shape.layers > 1024) keys.wrong("num_hidden_layers", "1024 at most");
    shape.norm_eps = static_cast<float>(keys.real("rms_norm_eps", static_cast<double>(a.norm_eps)));
    shape.activation = activation(a);
    if (a.scaled_embedding) shape.embedding_scale = std::sqrt(static_cast<float>(shape.hidden));
    // Without the keys, the class of Gemma 2 has both caps.
    if (a.attention_cap) shape.attention_cap = cap("attn_logit_softcapping", 50);
    else if (a.logit_cap) (void)keys["attn_logit_softcapping"];  // Gemma 3 has the key alone
    if (a.logit_cap) shape.logit_cap = cap("final_logit_softcapping", a.attention_cap ? 30 : 0);
    if (a.scaled_queries) {
      const double scalar = keys.real("query_pre_attn_scalar", 256);
      if (!(scalar > 0)) keys.wrong("query_pre_attn_scalar", "a number above 0");
      shape.attention_scale = static_cast<float>(1 / std::sqrt(scalar));
    }
    layers(a);
    if (a.experts) experts(a);
    ropes(a);
    result.parts = {.qkv_bias = flag(a.qkv_bias),
                    .o_bias = flag(a.o_bias),
                    .mlp_bias = flag(a.mlp_bias),
                    .qk_norm = a.qk_norm,
                    .out_norms = a.out_norms,
                    .tied = keys.flag("tie_word_embeddings", a.tied)};
    ends();
    keys.refuse_others(true, a.name);
    return result;
  }
};

}  // namespace

NetworkConfig read_network(ConfigKeys keys, const Architecture& architecture) {
  return NetworkReader{std::move(keys)}.read(architecture);
}

NetworkConfig read_network_config(const fs::path& path, std::string_view part) {
  const json config = read_json(path);
  const json type = config.contains("model_type") ? config["model_type"] : json();
  if (type == "qwen2_5_omni") return read_qwen2_5_omni(path, config, part);
  if (type == "qwen3_omni_moe") return read_qwen3_omni(path, config, part);
  if (type == "qwen3_tts") return read_qwen3_tts(path, config, part);
  const Architecture* found =
      type.is_string() ? find_architecture(type.get<std::string>()) : nullptr;
  if (found == nullptr)
    refuse(path,
           "key 'model_type': found " + type.dump().substr(0, 60) + ", expected " +
               architecture_names(false) + ", qwen2_5_omni, qwen3_omni_moe or qwen3_tts",
           ErrorCode::unavailable);
  if (part != "thinker")
    refuse(path,
           "key 'model_type': found " + type.dump() +
               ", expected qwen2_5_omni, qwen3_omni_moe or qwen3_tts: a text model has no " +
               std::string(part),
           ErrorCode::unavailable);
  return read_network(ConfigKeys(path, config), *found);
}

}  // namespace limelight::stages
