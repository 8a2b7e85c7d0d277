#include "stages/models/encoder_config.hpp"

#include <algorithm>
#include <cmath>

#include "stages/models/config_keys.hpp"
#include "stages/models/hf_files.hpp"

namespace limelight::stages {

using nlohmann::json;
namespace fs = std::filesystem;

namespace {

// Keys that every config of transformers may have, and that change nothing in an encoder that is
// not trained and that generates nothing.
constexpr const char* harmless_everywhere[] = {"_attn_implementation_autoset",
                                               "_name_or_path",
                                               "architectures",
                                               "attn_implementation",
                                               "chunk_size_feed_forward",
                                               "dtype",
                                               "id2label",
                                               "init_std",
                                               "initializer_range",
                                               "is_encoder_decoder",
                                               "label2id",
                                               "output_attentions",
                                               "output_hidden_states",
                                               "problem_type",
                                               "return_dict",
                                               "torch_dtype",
                                               "transformers_version",
                                               "use_bfloat16"};
// Of earlier versions, which wrote the defaults of generation into each config. Each counts only
// with a value that an encoder has no use for.
constexpr const char* harmless_of_generation[] = {"add_cross_attention",
                                                  "bad_words_ids",
                                                  "begin_suppress_tokens",
                                                  "bos_token_id",
                                                  "cross_attention_hidden_size",
                                                  "decoder_start_token_id",
                                                  "diversity_penalty",
                                                  "do_sample",
                                                  "early_stopping",
                                                  "encoder_no_repeat_ngram_size",
                                                  "eos_token_id",
                                                  "exponential_decay_length_penalty",
                                                  "finetuning_task",
                                                  "forced_bos_token_id",
                                                  "forced_eos_token_id",
                                                  "is_decoder",
                                                  "length_penalty",
                                                  "max_length",
                                                  "min_length",
                                                  "no_repeat_ngram_size",
                                                  "num_beam_groups",
                                                  "num_beams",
                                                  "num_return_sequences",
                                                  "output_scores",
                                                  "pad_token_id",
                                                  "prefix",
                                                  "remove_invalid_values",
                                                  "repetition_penalty",
                                                  "return_dict_in_generate",
                                                  "sep_token_id",
                                                  "suppress_tokens",
                                                  "task_specific_params",
                                                  "temperature",
                                                  "tf_legacy_loss",
                                                  "tie_encoder_decoder",
                                                  "tie_word_embeddings",
                                                  "tokenizer_class",
                                                  "top_k",
                                                  "top_p",
                                                  "torchscript",
                                                  "typical_p"};
constexpr const char* harmless_audio[] = {
    "activation_dropout",   "attention_dropout", "conv_chunksize", "dropout", "encoder_layerdrop",
    "max_source_positions",  // more positions than a chunk has are never used
    "scale_embedding"};      // the reference reads it and does not use it
constexpr const char* harmless_vision[] = {
    "embed_dim",  // in the published file, and nobody reads it
    "image_size", "in_chans",
    "spatial_patch_size",  // told by other keys
    "tokens_per_second"};  // of videos

struct EncoderReader {
  ConfigKeys keys;

  void check_type(const char* expected) {
    if (const json& type = keys["model_type"]; !type.is_null() && type != expected)
      keys.wrong("model_type", expected);
  }
  int above_0(const char* key, int otherwise) {
    const int number = keys.whole(key, otherwise);
    if (number < 1 || number > 1 << 20) keys.wrong(key, "1 to 1048576");
    return number;
  }
  void word(const char* key, const char* expected) {
    if (const json& found = keys[key]; !found.is_null() && found != expected)
      keys.wrong(key, expected);
  }
  template <std::size_t N>
  void end(const char* const (&more)[N], const char* of) {
    for (const char* key : harmless_everywhere) (void)keys[key];
    for (const char* key : harmless_of_generation) (void)keys[key];
    for (const char* key : more) (void)keys[key];
    keys.refuse_others(false, of);
  }

  AudioEncoderShape audio(bool pooled) {
    AudioEncoderShape s;
    s.pooled = pooled;
    check_type(pooled ? "qwen2_5_omni_audio_encoder" : "qwen3_omni_moe_audio_encoder");
    s.mels = above_0("num_mel_bins", s.mels);
    if (!pooled) s.channels = above_0("downsample_hidden_size", s.channels);
    s.layers = above_0("encoder_layers", s.layers);
    s.heads = above_0("encoder_attention_heads", s.heads);
    s.hidden = above_0("d_model", s.hidden);
    s.mlp = above_0("encoder_ffn_dim", s.mlp);
    s.out = above_0("output_dim", s.out);
    s.window = above_0("n_window", pooled ? 100 : s.window);
    if (!pooled) s.attention = above_0("n_window_infer", s.attention);
    word("activation_function", "gelu");
    if (s.layers > 1024) keys.wrong("encoder_layers", "1024 at most");
    if (keys.whole("num_hidden_layers", s.layers) != s.layers)
      keys.wrong("num_hidden_layers", "the same as encoder_layers");
    if (s.hidden % s.heads != 0 || s.hidden % 2 != 0 || s.hidden < 4)
      keys.wrong("d_model", "an even multiple of encoder_attention_heads, 4 or more");
    if (pooled) {
      if (s.window > above_0("max_source_positions", 1500))
        keys.wrong("n_window", "max_source_positions at most: each row of a chunk has one");
      end(harmless_audio, "Qwen2.5-Omni's audio encoder");
      return s;
    }
    // The reference counts 13 tokens for each whole chunk, whatever its length.
    if (s.window < 49 || s.window > 52) keys.wrong("n_window", "49 to 52");
    if (s.attention < 2 * s.window) keys.wrong("n_window_infer", "2 * n_window or more");
    end(harmless_audio, "Qwen3-Omni's audio encoder");
    return s;
  }

  void positions(VisionEncoderShape& s) {
    const int positions = above_0("num_position_embeddings", s.side * s.side);
    s.side = static_cast<int>(std::lround(std::sqrt(positions)));
    if (s.side * s.side != positions) keys.wrong("num_position_embeddings", "a square");
    if (!keys.flag("apply_vit_abs_pos_embed", true)) keys.wrong("apply_vit_abs_pos_embed", "true");
    if (const json& layers = keys["deepstack_visual_indexes"]; !layers.is_null()) {
      if (!layers.is_array()) keys.wrong("deepstack_visual_indexes", "a list of layers");
      s.deepstack.clear();
      for (const json& layer : layers) {
        if (!layer.is_number_unsigned() ||
            layer.get<std::uint64_t>() >= static_cast<std::uint64_t>(s.layers) ||
            (!s.deepstack.empty() && layer.get<int>() <= s.deepstack.back()))
          keys.wrong("deepstack_visual_indexes", "layers in ascending order, each below depth");
        s.deepstack.push_back(layer.get<int>());
      }
    }
  }

  // Layers, in ascending order; one that is not there has no say, as in the reference.
  std::vector<int> layers(const char* key, std::vector<int> otherwise) {
    const json& list = keys[key];
    if (list.is_null()) return otherwise;
    if (!list.is_array()) keys.wrong(key, "a list of layers");
    std::vector<int> found;
    for (const json& layer : list) {
      if (!layer.is_number_unsigned() || layer.get<std::uint64_t>() > 1 << 20)
        keys.wrong(key, "a list of layers");
      found.push_back(layer.get<int>());
    }
    return found;
  }

  void windows(VisionEncoderShape& s) {
    s.window = above_0("window_size", 112);
    s.full = layers("fullatt_block_indexes", {7, 15, 23, 31});
    s.deepstack.clear();
    if (s.window_side() < 1)
      keys.wrong("window_size", "patch_size times spatial_merge_size or more");
  }

  VisionEncoderShape vision(bool windowed) {
    VisionEncoderShape s;
    if (windowed) s.layers = 32, s.hidden = 3584, s.mlp = 3420, s.patch = 14;
    check_type(windowed ? "qwen2_5_omni_vision_encoder" : "qwen3_omni_moe_vision_encoder");
    s.layers = above_0("depth", s.layers);
    s.heads = above_0("num_heads", s.heads);
    s.hidden = above_0("hidden_size", s.hidden);
    s.mlp = above_0("intermediate_size", s.mlp);
    s.out = above_0("out_hidden_size", s.out);
    s.channels = above_0("in_channels", s.channels);
    s.patch = above_0("patch_size", s.patch);
    s.temporal = above_0("temporal_patch_size", s.temporal);
    s.merge = above_0("spatial_merge_size", s.merge);
    word("hidden_act", windowed ? "silu" : "gelu_pytorch_tanh");
    if (windowed) windows(s);
    else positions(s);
    if (s.layers > 1024) keys.wrong("depth", "1024 at most");
    if (s.channels != 3) keys.wrong("in_channels", "3");
    if (s.patch > 256) keys.wrong("patch_size", "256 at most");
    if (s.temporal > 16) keys.wrong("temporal_patch_size", "16 at most");
    if (s.merge > 16) keys.wrong("spatial_merge_size", "16 at most");
    if (s.hidden % s.heads != 0 || s.head_dim() % 4 != 0)
      keys.wrong("hidden_size", "num_heads times a multiple of 4");
    if (const json& rope = keys["rope_parameters"]; rope.is_object()) {
      ConfigKeys inner(keys.file(), rope, "vision_config.rope_parameters.");
      if (const json& type = inner["rope_type"]; !type.is_null() && type != "axial")
        inner.wrong("rope_type", "axial");
      s.rope_base = inner.real("rope_theta", s.rope_base);
      if (!(s.rope_base > 0)) inner.wrong("rope_theta", "a number above 0");
      inner.refuse_others(false, "Qwen3-Omni's vision encoder");
    } else if (!rope.is_null()) {
      keys.wrong("rope_parameters", "an object");
    }
    end(harmless_vision,
        windowed ? "Qwen2.5-Omni's vision encoder" : "Qwen3-Omni's vision encoder");
    return s;
  }
};

void add_linear(std::vector<ExpectedTensor>& to, const std::string& name, int out, int in) {
  to.push_back({name, out, in});
  to.push_back({name + ".bias", 1, out});
}
void add_norm(std::vector<ExpectedTensor>& to, const std::string& name, int width) {
  to.push_back({name, 1, width});
  to.push_back({name + ".bias", 1, width});
}

void add_stem(std::vector<ExpectedTensor>& to, const AudioEncoderShape& s) {
  for (int c = 1; c <= 3; ++c) {
    const std::string name = "conv2d" + std::to_string(c);
    to.push_back({name, s.channels * (c == 1 ? 1 : s.channels) * 3, 3});
    to.push_back({name + ".bias", 1, s.channels});
  }
  to.push_back({"conv_out", s.hidden, s.channels * s.bands()});
}

std::vector<ExpectedTensor> windowed_tensors(const VisionEncoderShape& s) {
  std::vector<ExpectedTensor> all{{"patch_embed.proj", s.hidden * (s.values() / s.patch), s.patch}};
  for (int l = 0; l < s.layers; ++l) {
    const std::string at = "blocks." + std::to_string(l) + ".";
    for (const char* name : {"norm1", "norm2"}) all.push_back({at + name, 1, s.hidden});
    for (const char* name : {"q", "k", "v", "proj"})
      add_linear(all, at + "attn." + name, s.hidden, s.hidden);
    add_linear(all, at + "mlp.gate_proj", s.mlp, s.hidden);
    add_linear(all, at + "mlp.up_proj", s.mlp, s.hidden);
    add_linear(all, at + "mlp.down_proj", s.hidden, s.mlp);
  }
  all.push_back({"merger.ln_q", 1, s.hidden});
  add_linear(all, "merger.mlp.0", s.merged(), s.merged());
  add_linear(all, "merger.mlp.2", s.out, s.merged());
  return all;
}

}  // namespace

int AudioEncoderShape::tokens(int frames) const {
  if (pooled) return (frames + 1) / 2 / 2;
  const int rest = frames % (2 * window);
  const int of_rest = rest == 0 ? 0 : ((rest - 1) / 2 / 2 / 2) + 1;
  return of_rest + frames / (2 * window) * 13;
}

int AudioEncoderShape::most_frames(int tokens) const {
  const double frames = pooled ? 4 * (static_cast<double>(tokens) + 1)
                               : (static_cast<double>(tokens) / 13 + 1) * 2 * window;
  return static_cast<int>(std::min(frames, 2e9));
}

Result<EncoderConfig> read_encoder_config(const fs::path& path) {
  try {
    const json config = read_json(path);
    static const json none = json::object();
    const auto thinker = config.find("thinker_config");
    const auto part = [&](const char* key) -> const json& {
      if (thinker == config.end() || !thinker->is_object() || !thinker->contains(key)) return none;
      if (!(*thinker)[key].is_object())
        refuse(path, std::string("key 'thinker_config.") + key + "': expected an object");
      return (*thinker)[key];
    };
    const auto type = config.find("model_type");
    const bool older = type != config.end() && *type == "qwen2_5_omni";
    return EncoderConfig{
        EncoderReader{ConfigKeys(path, part("audio_config"), "audio_config.")}.audio(older),
        EncoderReader{ConfigKeys(path, part("vision_config"), "vision_config.")}.vision(older)};
  } catch (const ModelRefusal& refusal) {
    return refusal.error;
  } catch (const json::exception& wrong) {
    return Error{ErrorCode::corrupt, path.string() + ": " + wrong.what()};
  }
}

EncoderConfig read_encoders(ConfigKeys& keys, int hidden) {
  // Looked at there, where all that is not known in them is refused.
  (void)keys["audio_config"];
  (void)keys["vision_config"];
  auto encoders = read_encoder_config(keys.file());
  if (!encoders) throw ModelRefusal{encoders.error()};
  const std::string rows =
      std::to_string(hidden) + ", the hidden_size of text_config: the decoder reads these rows";
  if (keys.has("audio_config") && encoders->audio.out != hidden)
    keys.wrong("audio_config.output_dim", rows);
  if (keys.has("vision_config") && encoders->vision.out != hidden)
    keys.wrong("vision_config.out_hidden_size", rows);
  return std::move(encoders).value();
}

std::vector<ExpectedTensor> tensors_of(const AudioEncoderShape& s) {
  std::vector<ExpectedTensor> all;
  if (s.pooled) {
    all = {{"conv1", s.hidden * s.mels, 3},
           {"conv1.bias", 1, s.hidden},
           {"conv2", s.hidden * s.hidden, 3},
           {"conv2.bias", 1, s.hidden},
           {"audio_bos_eos_token", 2, s.out}};  // which nobody reads
  } else {
    add_stem(all, s);
  }
  for (int l = 0; l < s.layers; ++l) {
    const std::string at = "layers." + std::to_string(l) + ".";
    for (const char* name : {"q_proj", "k_proj", "v_proj", "out_proj"})
      add_linear(all, at + "self_attn." + name, s.hidden, s.hidden);
    if (s.pooled)
      std::erase_if(all, [&](const auto& t) { return t.name == at + "self_attn.k_proj.bias"; });
    add_norm(all, at + "self_attn_layer_norm", s.hidden);
    add_linear(all, at + "fc1", s.mlp, s.hidden);
    add_linear(all, at + "fc2", s.hidden, s.mlp);
    add_norm(all, at + "final_layer_norm", s.hidden);
  }
  add_norm(all, "ln_post", s.hidden);
  if (!s.pooled) add_linear(all, "proj1", s.hidden, s.hidden);
  add_linear(all, s.pooled ? "proj" : "proj2", s.out, s.hidden);
  return all;
}

std::vector<ExpectedTensor> tensors_of(const VisionEncoderShape& s) {
  if (s.window > 0) return windowed_tensors(s);
  std::vector<ExpectedTensor> all;
  all.push_back({"patch_embed.proj", s.hidden * (s.values() / s.patch), s.patch});
  all.push_back({"patch_embed.proj.bias", 1, s.hidden});
  all.push_back({"pos_embed", s.side * s.side, s.hidden});
  for (int l = 0; l < s.layers; ++l) {
    const std::string at = "blocks." + std::to_string(l) + ".";
    add_norm(all, at + "norm1", s.hidden);
    add_norm(all, at + "norm2", s.hidden);
    add_linear(all, at + "attn.qkv", 3 * s.hidden, s.hidden);
    add_linear(all, at + "attn.proj", s.hidden, s.hidden);
    add_linear(all, at + "mlp.linear_fc1", s.mlp, s.hidden);
    add_linear(all, at + "mlp.linear_fc2", s.hidden, s.mlp);
  }
  for (std::size_t m = 0; m <= s.deepstack.size(); ++m) {
    const bool last = m == s.deepstack.size();
    const std::string at = last ? "merger." : "merger_list." + std::to_string(m) + ".";
    add_norm(all, at + "ln_q", last ? s.hidden : s.merged());
    add_linear(all, at + "mlp.0", s.merged(), s.merged());
    add_linear(all, at + "mlp.2", s.out, s.merged());
  }
  return all;
}

}  // namespace limelight::stages
