// The text models that are published as files, as data: what each family is called, and what its
// networks have. A new dense family is a row of the table, and a case of
// tests/oracle/make_text_models.py.
#pragma once

#include <functional>
#include <limelight/result.hpp>
#include <limelight/shape.hpp>
#include <string>
#include <string_view>

namespace limelight::stages {

// A truth that a key of config.json states, or, without a key, one of the whole family.
struct Flag {
  const char* key = nullptr;
  bool otherwise = false;  // without the key
};

// Which layers see a window only, where config.json does not list layer_types.
enum class Windows {
  none,
  all,          // if sliding_window is a number
  late,         // from max_window_layers on, if use_sliding_window
  early_even,   // every second one below max_window_layers, if use_sliding_window
  switched,     // all, if use_sliding_window
  alternating,  // every second one, from the first on
  pattern,      // all but every sliding_window_pattern-th
  unrotated     // those that do not embed positions, if use_sliding_window
};

struct Architecture {
  const char* name;            // model_type in config.json
  const char* gguf = nullptr;  // general.architecture in GGUF; nullptr: there is none
  bool interleaved = false;    // GGUF stores what RoPE rotates as neighbours
  Flag qkv_bias = {}, o_bias = {}, mlp_bias = {};
  bool qk_norm = false;           // queries and keys are normalised, head by head
  bool out_norms = false;         // so is what attention and feed-forward network add to the rows
  bool norms_from_one = false;    // safetensors hold what norms add to 1
  bool scaled_embedding = false;  // by sqrt(hidden)
  bool scaled_queries = false;    // query_pre_attn_scalar
  bool attention_cap = false;     // attn_logit_softcapping
  bool logit_cap = false;         // final_logit_softcapping
  bool fused = false;             // one matrix for q, k and v, one for gate and up
  bool experts = false, shared_expert = false;
  bool all_experts = false;  // in every layer, whatever other keys say
  bool normalised = false;   // norm_topk_prob without the key
  bool tied = false;         // embedding and head, without tie_word_embeddings
  int head_dim = 0;          // without the key; 0: hidden / heads
  Windows windows = Windows::none;
  int window = 0;              // sliding_window without the key; 0: none
  double rope_base = 10'000;   // without the key
  double local_rope_base = 0;  // of layers with a window; 0: that of the others
  bool skips_rope = false;     // no_rope_layers
  bool sections = false;       // mrope_section counts pairs one after the other
  float norm_eps = 1e-6f;      // without the key
  const char* activation_key = "hidden_act";
  Activation activation = Activation::silu;  // without the key, and in GGUF
};

// nullptr if there is none.
const Architecture* find_architecture(std::string_view model_type);
const Architecture* find_gguf_architecture(std::string_view name);
// For messages, such as "gemma2, llama or qwen2".
std::string architecture_names(bool gguf);

// Which tensors a decoder has beside those that every one has.
struct DecoderParts {
  bool qkv_bias = false, o_bias = false, mlp_bias = false;
  bool qk_norm = false, out_norms = false;
  bool tied = false;  // the head is the embedding
  bool bare = false;  // there is neither

  bool operator==(const DecoderParts&) const = default;
};

struct ExpectedTensor {
  std::string name;  // as WeightLoader knows it
  int rows = 1, cols = 0;
};
// A decoder in a file: how the names of its tensors begin here, such as "predictor.".
struct NamedDecoder {
  std::string at = {};
  DecoderShape shape = {};
  DecoderParts parts = {};
};
// Calls `each` with the tensors of a network of that shape, one after the other, until it returns
// an error, and returns that one. A file may state a shape of any size: nothing is made of all of
// them.
Result<void> for_each_tensor(const DecoderShape& shape,
                             const DecoderParts& parts,
                             const std::function<Result<void>(const ExpectedTensor&)>& each);

}  // namespace limelight::stages
