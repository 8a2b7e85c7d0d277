#include "stages/models/architectures.hpp"

#include <vector>

#include "base/try.hpp"

namespace limelight::stages {

namespace {

// The keys and their defaults are those of the classes in transformers 5.
const Architecture architectures[] = {
    {.name = "gemma2",
     .gguf = "gemma2",
     .qkv_bias = {"attention_bias"},
     .o_bias = {"attention_bias"},
     .out_norms = true,
     .norms_from_one = true,
     .scaled_embedding = true,
     .scaled_queries = true,
     .attention_cap = true,
     .logit_cap = true,
     .tied = true,
     .head_dim = 256,
     .windows = Windows::alternating,
     .window = 4096,
     .activation_key = "hidden_activation",
     .activation = Activation::gelu_tanh},
    {.name = "gemma3_text",
     .gguf = "gemma3",
     .qkv_bias = {"attention_bias"},
     .o_bias = {"attention_bias"},
     .qk_norm = true,
     .out_norms = true,
     .norms_from_one = true,
     .scaled_embedding = true,
     .scaled_queries = true,
     .logit_cap = true,
     .tied = true,
     .head_dim = 256,
     .windows = Windows::pattern,
     .window = 4096,
     .rope_base = 1'000'000,
     .local_rope_base = 10'000,
     .activation_key = "hidden_activation",
     .activation = Activation::gelu_tanh},
    {.name = "llama",
     .gguf = "llama",
     .interleaved = true,
     .qkv_bias = {"attention_bias"},
     .o_bias = {"attention_bias"},
     .mlp_bias = {"mlp_bias"}},
    {.name = "mistral", .windows = Windows::all, .window = 4096},
    {.name = "phi3", .gguf = "phi3", .fused = true, .windows = Windows::all, .norm_eps = 1e-5f},
    {.name = "qwen2",
     .gguf = "qwen2",
     .qkv_bias = {nullptr, true},
     .windows = Windows::late,
     .window = 4096},
    {.name = "qwen2_moe",
     .gguf = "qwen2moe",
     .qkv_bias = {"qkv_bias", true},
     .experts = true,
     .shared_expert = true,
     .windows = Windows::early_even,
     .window = 4096},
    {.name = "qwen3",
     .gguf = "qwen3",
     .qkv_bias = {"attention_bias"},
     .o_bias = {"attention_bias"},
     .qk_norm = true,
     .head_dim = 128,
     .windows = Windows::late,
     .window = 4096},
    {.name = "qwen3_moe",
     .gguf = "qwen3moe",
     .qkv_bias = {"attention_bias"},
     .o_bias = {"attention_bias"},
     .qk_norm = true,
     .experts = true,
     .windows = Windows::switched,
     .window = 4096},
    {.name = "smollm3",
     .gguf = "smollm3",
     .interleaved = true,
     .qkv_bias = {"attention_bias"},
     .o_bias = {"attention_bias"},
     .mlp_bias = {"mlp_bias"},
     .tied = true,
     .windows = Windows::unrotated,
     .rope_base = 2'000'000,
     .skips_rope = true},
};

}  // namespace

const Architecture* find_architecture(std::string_view model_type) {
  for (const Architecture& one : architectures)
    if (one.name == model_type) return &one;
  return nullptr;
}

const Architecture* find_gguf_architecture(std::string_view name) {
  for (const Architecture& one : architectures)
    if (one.gguf != nullptr && one.gguf == name) return &one;
  return nullptr;
}

std::string architecture_names(bool gguf) {
  std::vector<std::string> names;
  for (const Architecture& one : architectures)
    if (!gguf || one.gguf != nullptr) names.emplace_back(gguf ? one.gguf : one.name);
  std::string all;
  for (std::size_t i = 0; i < names.size(); ++i)
    all += (i == 0 ? "" : i + 1 == names.size() ? " or " : ", ") + names[i];
  return all;
}

Result<void> for_each_tensor(const DecoderShape& s,
                             const DecoderParts& parts,
                             const std::function<Result<void>(const ExpectedTensor&)>& each) {
  const int q = s.heads * s.head_dim, kv = s.kv_heads * s.head_dim, h = s.hidden;
  const auto matrices = [&](const std::string& at,
                            std::initializer_list<ExpectedTensor> list) -> Result<void> {
    for (const auto& [name, rows, cols] : list) LIMELIGHT_TRY(each({at + name, rows, cols}));
    return {};
  };
  const auto vectors =
      [&](const std::string& at,
          std::initializer_list<std::pair<const char*, int>> list) -> Result<void> {
    for (const auto& [name, width] : list) LIMELIGHT_TRY(each({at + name, 1, width}));
    return {};
  };
  const auto feed_forward = [&](const std::string& at, int width) {
    return matrices(at, {{"gate_proj", width, h}, {"up_proj", width, h}, {"down_proj", h, width}});
  };
  if (!parts.bare) LIMELIGHT_TRY(each({"embed_tokens", s.vocab, h}));
  LIMELIGHT_TRY(each({"norm", 1, h}));
  if (!parts.tied && !parts.bare) LIMELIGHT_TRY(each({"lm_head", s.vocab, h}));
  for (int l = 0; l < s.layers; ++l) {
    const std::string at = "layers." + std::to_string(l) + ".";
    LIMELIGHT_TRY(
        matrices(at, {{"q_proj", q, h}, {"k_proj", kv, h}, {"v_proj", kv, h}, {"o_proj", h, q}}));
    LIMELIGHT_TRY(vectors(at, {{"input_norm", h}, {"post_norm", h}}));
    if (parts.qkv_bias)
      LIMELIGHT_TRY(vectors(at, {{"q_proj.bias", q}, {"k_proj.bias", kv}, {"v_proj.bias", kv}}));
    if (parts.o_bias) LIMELIGHT_TRY(vectors(at, {{"o_proj.bias", h}}));
    if (parts.qk_norm) LIMELIGHT_TRY(vectors(at, {{"q_norm", s.head_dim}, {"k_norm", s.head_dim}}));
    if (parts.out_norms)
      LIMELIGHT_TRY(vectors(at, {{"attention_out_norm", h}, {"mlp_out_norm", h}}));
    if (!s.layer(l).experts) {
      LIMELIGHT_TRY(feed_forward(at, s.mlp));
      if (parts.mlp_bias)
        LIMELIGHT_TRY(vectors(
            at, {{"gate_proj.bias", s.mlp}, {"up_proj.bias", s.mlp}, {"down_proj.bias", h}}));
      continue;
    }
    LIMELIGHT_TRY(each({at + "router", s.experts.count, h}));
    for (int e = 0; e < s.experts.count; ++e)
      LIMELIGHT_TRY(feed_forward(at + "experts." + std::to_string(e) + ".", s.experts.mlp));
    if (s.experts.shared_mlp == 0) continue;
    LIMELIGHT_TRY(feed_forward(at + "shared_expert.", s.experts.shared_mlp));
    LIMELIGHT_TRY(each({at + "shared_expert_gate", 1, h}));
  }
  return {};
}

}  // namespace limelight::stages
