// Reads config.json of a qwen3_omni_moe: the shapes of thinker, talker and code predictor, and
// which tensors of the folder are those of a part. Source: transformers 5, models/qwen3_omni_moe.
#include <array>

#include "stages/models/hf_files.hpp"
#include "stages/models/refusal.hpp"

namespace limelight::stages {

using nlohmann::json;
namespace fs = std::filesystem;

namespace {

// The defaults are those of the classes there. None of them has a window.
const Architecture qwen3_thinker{.name = "qwen3_omni_moe_text",
                                 .qkv_bias = {"attention_bias"},
                                 .o_bias = {"attention_bias"},
                                 .qk_norm = true,
                                 .experts = true,
                                 .normalised = true,
                                 .rope_base = 1'000'000};
const Architecture qwen3_talker{.name = "qwen3_omni_moe_talker_text",
                                .qkv_bias = {"attention_bias"},
                                .o_bias = {"attention_bias"},
                                .qk_norm = true,
                                .experts = true,
                                .shared_expert = true,
                                .all_experts = true};
const Architecture predictor{.name = "qwen3_omni_moe_talker_code_predictor",
                             .qkv_bias = {"attention_bias"},
                             .o_bias = {"attention_bias"},
                             .qk_norm = true,
                             .head_dim = 128};

constexpr int most_groups = 64;

struct OmniReader {
  const fs::path& file;
  const json& config;
  Qwen3Omni omni = {};
  NetworkConfig thinker_network = {}, talker_network = {}, predictor_network = {};

  ConfigKeys object(ConfigKeys& in, const char* key, const std::string& at) {
    const json& value = in[key];
    if (!value.is_object()) in.wrong(key, "an object");
    return {file, value, at};
  }

  static NetworkConfig decoder(ConfigKeys keys, const Architecture& architecture) {
    // Some configs have the key; the reference never asks.
    if (!keys.flag("use_qk_norm", true))
      keys.wrong("use_qk_norm", "true: queries and keys are normalised");
    return read_network(std::move(keys), architecture);
  }

  // Where rope_parameters have no mrope_section, the reference has [24, 20, 20].
  static void set_sections(DecoderShape& shape) {
    for (RopeShape& rope : shape.ropes)
      if (rope.height == 0 && rope.width == 0) rope.height = rope.width = 20;
  }

  static int token(ConfigKeys& keys, const char* key, int vocab) {
    const int id = keys.whole(key);
    if (id >= vocab) keys.wrong(key, "a token below vocab_size (" + std::to_string(vocab) + ")");
    return id;
  }

  void read_thinker(ConfigKeys keys) {
    thinker_network =
        decoder(object(keys, "text_config", "thinker_config.text_config."), qwen3_thinker);
    // The networks of the thinker share the key of their parent alone.
    thinker_network.parts.tied = keys.flag("tie_word_embeddings", false);
    set_sections(thinker_network.shape);
    omni.thinker_hidden = thinker_network.shape.hidden;
    omni.thinker_vocab = thinker_network.shape.vocab;
    for (const char* key : {"audio_token_id", "image_token_id", "video_token_id"})
      omni.placeholders.push_back(keys.whole(key));
    omni.encoders = read_encoders(keys, omni.thinker_hidden);
    check_deepstack(keys);
    // The chat template has the tokens around sounds and pictures; only videos have positions in
    // seconds.
    for (const char* key :
         {"audio_start_token_id", "audio_end_token_id", "vision_start_token_id",
          "vision_end_token_id", "user_token_id", "position_id_per_seconds", "seconds_per_chunk"})
      (void)keys[key];
    (void)keys["model_type"];
    keys.refuse_others(true, "a thinker of qwen3_omni_moe");
  }

  void check_deepstack(ConfigKeys& keys) const {
    const VisionEncoderShape& vision = omni.encoders.vision;
    if (keys.has("vision_config") &&
        vision.deepstack.size() > static_cast<std::size_t>(thinker_network.shape.layers))
      keys.wrong("vision_config.deepstack_visual_indexes",
                 "at most as many as the decoder's " +
                     std::to_string(thinker_network.shape.layers) + " layers");
  }

  void read_predictor(ConfigKeys keys, int groups, int hidden) {
    const json& types = keys["layer_types"];
    for (const json& type : types.is_array() ? types : json::array())
      if (type != "full_attention") keys.wrong("layer_types", "full_attention alone");
    if (keys.whole("num_code_groups") != groups)
      keys.wrong("num_code_groups", std::to_string(groups) + ", as in talker_config");
    // The reference ties nothing here, whatever the key says: there is no single embedding.
    if (keys.flag("tie_word_embeddings", false))
      keys.wrong("tie_word_embeddings", "false: each group has an embedding and a head");
    if (keys.whole("hidden_size") != hidden)
      keys.wrong("hidden_size", std::to_string(hidden) +
                                    ", as in talker_config.text_config: rows go from "
                                    "one to the other as they are");
    predictor_network = decoder(std::move(keys), predictor);
    predictor_network.parts.bare = true;
    omni.predictor = {.groups = groups, .width = hidden, .decoder = predictor_network.shape};
  }

  void read_speakers(ConfigKeys& keys, int vocab) {
    const json& speakers = keys["speaker_id"];
    if (!speakers.is_object() || speakers.empty()) keys.wrong("speaker_id", "names with codes");
    for (const auto& [name, code] : speakers.items()) {
      if (!code.is_number_unsigned() ||
          code.get<std::uint64_t>() >= static_cast<std::uint64_t>(vocab))
        keys.wrong("speaker_id", "codes below vocab_size (" + std::to_string(vocab) + ")");
      omni.speakers.emplace(name, code.get<int>());
    }
  }

  void read_talker(ConfigKeys keys) {
    talker_network =
        decoder(object(keys, "text_config", "talker_config.text_config."), qwen3_talker);
    talker_network.parts.tied = keys.flag("tie_word_embeddings", false);
    set_sections(talker_network.shape);
    const int vocab = talker_network.shape.vocab;
    const int groups = keys.whole("num_code_groups");
    if (groups < 2 || groups > most_groups)
      keys.wrong("num_code_groups", "2 to " + std::to_string(most_groups));
    if (keys.whole("thinker_hidden_size") != omni.thinker_hidden)
      keys.wrong("thinker_hidden_size", std::to_string(omni.thinker_hidden) +
                                            ", the hidden_size of thinker_config.text_config");
    omni.accept_layer = keys.whole("accept_hidden_layer");
    if (omni.accept_layer > thinker_network.shape.layers)
      keys.wrong(
          "accept_hidden_layer",
          "no more than the thinker's " + std::to_string(thinker_network.shape.layers) + " layers");
    omni.codec_bos = token(keys, "codec_bos_id", vocab);
    omni.codec_eos = token(keys, "codec_eos_token_id", vocab);
    omni.codec_pad = token(keys, "codec_pad_id", vocab);
    omni.codec_nothink = token(keys, "codec_nothink_id", vocab);
    omni.codec_think_bos = token(keys, "codec_think_bos_id", vocab);
    omni.codec_think_eos = token(keys, "codec_think_eos_id", vocab);
    read_speakers(keys, vocab);
    read_predictor(object(keys, "code_predictor_config", "talker_config.code_predictor_config."),
                   groups, talker_network.shape.hidden);
    const int merge = omni.encoders.vision.merge;
    if (keys.whole("spatial_merge_size", merge) != merge)
      keys.wrong("spatial_merge_size", std::to_string(merge) + ", as in thinker_config");
    // The prompt and the thinker say where sound and pictures are.
    for (const char* key :
         {"audio_token_id", "image_token_id", "video_token_id", "audio_start_token_id",
          "audio_end_token_id", "vision_start_token_id", "vision_end_token_id",
          "position_id_per_seconds", "seconds_per_chunk", "model_type"})
      (void)keys[key];
    keys.refuse_others(true, "a talker of qwen3_omni_moe");
  }

  void read() {
    ConfigKeys keys(file, config);
    (void)keys["model_type"];
    read_thinker(object(keys, "thinker_config", "thinker_config."));
    const int vocab = omni.thinker_vocab;
    omni.speaks = keys.flag("enable_audio_output", true) && keys.has("talker_config");
    if (omni.speaks) {
      omni.im_start = token(keys, "im_start_token_id", vocab);
      omni.user = token(keys, "user_token_id", vocab);
      omni.assistant = token(keys, "assistant_token_id", vocab);
      omni.tts_bos = token(keys, "tts_bos_token_id", vocab);
      omni.tts_eos = token(keys, "tts_eos_token_id", vocab);
      omni.tts_pad = token(keys, "tts_pad_token_id", vocab);
      read_talker(object(keys, "talker_config", "talker_config."));
    }
    // The tokenizer says what ends an answer; the talker skips a system message as all but users'.
    for (const char* key :
         {"talker_config", "code2wav_config", "im_start_token_id", "im_end_token_id",
          "system_token_id", "user_token_id", "assistant_token_id", "tts_bos_token_id",
          "tts_eos_token_id", "tts_pad_token_id"})
      (void)keys[key];
    keys.refuse_others(true, "qwen3_omni_moe");
  }

  NetworkConfig thinker_part() {
    NetworkConfig all = thinker_network;
    all.names = {{"thinker.model.", ""},
                 {"thinker.lm_head", "lm_head", true},
                 {.from = "thinker.audio_tower.", .to = "audio_tower.", .plain = true},
                 {.from = "thinker.visual.", .to = "visual.", .plain = true}};
    all.unread = {"talker.", "code2wav."};
    return all;
  }

  NetworkConfig talker_part() {
    NetworkConfig all = talker_network;
    const DecoderShape &s = all.shape, &p = predictor_network.shape;
    all.names = {{"talker.model.codec_embedding", "embed_tokens", true},
                 {"talker.codec_head", "lm_head", true},
                 {"thinker.model.embed_tokens", "thinker.embed_tokens", true}};
    all.tensors = {{"thinker.embed_tokens", omni.thinker_vocab, omni.thinker_hidden}};
    for (const std::string name : {"text_projection.", "hidden_projection."}) {
      all.names.push_back({"talker." + name + "linear_fc1", name + "fc1", true});
      all.names.push_back({"talker." + name + "linear_fc2", name + "fc2", true});
      all.tensors.push_back({name + "fc1", s.mlp, omni.thinker_hidden});
      all.tensors.push_back({name + "fc1.bias", 1, s.mlp});
      all.tensors.push_back({name + "fc2", s.hidden, s.mlp});
      all.tensors.push_back({name + "fc2.bias", 1, s.hidden});
    }
    for (int g = 0; g + 1 < omni.predictor.groups; ++g) {
      const std::string number = std::to_string(g), at = "talker.code_predictor.";
      all.names.push_back(
          {at + "model.codec_embedding." + number, "predictor.embed." + number, true});
      all.names.push_back({at + "lm_head." + number, "predictor.head." + number, true});
      all.tensors.push_back({"predictor.embed." + number, p.vocab, p.hidden});
      all.tensors.push_back({"predictor.head." + number, p.vocab, p.hidden});
    }
    all.names.push_back({"talker.code_predictor.model.", "predictor."});
    all.names.push_back({"talker.model.", ""});
    all.unread = {"thinker.", "code2wav."};
    all.decoders = {{"predictor.", p, predictor_network.parts}};
    return all;
  }
};

}  // namespace

NetworkConfig read_qwen3_omni(const fs::path& file, const json& config, std::string_view part) {
  OmniReader reader{file, config};
  reader.read();
  if (part != "thinker" && part != "talker")
    refuse(file, "found no part '" + std::string(part) + "', expected thinker or talker",
           ErrorCode::unavailable);
  if (part == "talker" && !reader.omni.speaks)
    refuse(file,
           "key 'enable_audio_output': found false, or no talker_config, expected both: "
           "this model has no talker",
           ErrorCode::unavailable);
  NetworkConfig all = part == "talker" ? reader.talker_part() : reader.thinker_part();
  all.omni = std::move(reader.omni);
  return all;
}

}  // namespace limelight::stages
