// Reads config.json of a qwen2_5_omni: the shapes of thinker and talker, and which tensors of the
// folder are those of a part. Source: transformers 5, models/qwen2_5_omni.
#include "stages/models/hf_files.hpp"
#include "stages/models/speakers.hpp"

namespace limelight::stages {

using nlohmann::json;
namespace fs = std::filesystem;

namespace {

// The defaults are those of the classes there.
const Architecture qwen2_5_thinker{.name = "qwen2_5_omni_text",
                                   .qkv_bias = {nullptr, true},
                                   .windows = Windows::late,
                                   .window = 32768,
                                   .rope_base = 1'000'000,
                                   .sections = true};
const Architecture qwen2_5_talker{.name = "qwen2_5_omni_talker",
                                  .qkv_bias = {nullptr, true},
                                  .head_dim = 128,
                                  .windows = Windows::late,
                                  .window = 32768,
                                  .rope_base = 1'000'000,
                                  .sections = true};

struct Qwen25Reader {
  const fs::path& file;
  const json& config;
  Qwen25Omni omni = {};
  NetworkConfig thinker_network = {}, talker_network = {};

  ConfigKeys object(ConfigKeys& in, const char* key, const std::string& at) {
    const json& value = in[key];
    if (!value.is_object()) in.wrong(key, "an object");
    return {file, value, at};
  }

  static int token(ConfigKeys& keys, const char* key, int vocab, const char* whose) {
    const int id = keys.whole(key);
    if (id >= vocab)
      keys.wrong(key, "a token below vocab_size (" + std::to_string(vocab) + ") of the " + whose);
    return id;
  }

  void read_thinker(ConfigKeys keys) {
    thinker_network =
        read_network(object(keys, "text_config", "thinker_config.text_config."), qwen2_5_thinker);
    // The networks of the thinker share the key of their parent alone.
    thinker_network.parts.tied = keys.flag("tie_word_embeddings", false);
    omni.thinker_hidden = thinker_network.shape.hidden;
    omni.thinker_vocab = thinker_network.shape.vocab;
    set_sections(thinker_network.shape, keys, "text_config");
    omni.placeholders = {keys.whole("audio_token_index", 151646),
                         keys.whole("image_token_index", 151655),
                         keys.whole("video_token_index", 151656)};
    omni.encoders = read_encoders(keys, omni.thinker_hidden);
    // The chat template has the tokens around sounds and pictures; only videos have positions in
    // seconds. The last ones are in the published file and nobody reads them.
    for (const char* key : {"audio_start_token_id", "audio_end_token_id", "vision_start_token_id",
                            "vision_end_token_id", "user_token_id", "position_id_per_seconds",
                            "seconds_per_chunk", "model_type", "vision_token_id", "ignore_index"})
      (void)keys[key];
    keys.refuse_others(true, "a thinker of qwen2_5_omni");
  }

  // Where rope_parameters have no mrope_section, the reference has [16, 24, 24].
  static void set_sections(DecoderShape& shape, const ConfigKeys& keys, const char* key) {
    for (RopeShape& rope : shape.ropes) {
      if (rope.height > 0 || rope.width > 0) continue;
      if (shape.head_dim != 128)
        keys.wrong(key, "mrope_section in its rope_parameters: without it, heads have 128 numbers");
      rope.height = rope.width = 24;
      rope.sections = true;
    }
  }

  void read_talker(ConfigKeys keys) {
    const int vocab = keys.whole("vocab_size");
    omni.codec_bos = token(keys, "tts_codec_start_token_id", vocab, "talker");
    omni.codec_eos = token(keys, "tts_codec_end_token_id", vocab, "talker");
    omni.codec_pad = token(keys, "tts_codec_pad_token_id", vocab, "talker");
    omni.codec_mask = token(keys, "tts_codec_mask_token_id", vocab, "talker");
    omni.text_end = token(keys, "tts_text_end_token_id", omni.thinker_vocab, "thinker");
    omni.text_pad = token(keys, "tts_text_pad_token_id", omni.thinker_vocab, "thinker");
    if (keys.whole("embedding_size") != omni.thinker_hidden)
      keys.wrong("embedding_size", std::to_string(omni.thinker_hidden) +
                                       ", the hidden_size of thinker_config.text_config: rows of "
                                       "one are added to rows of the other");
    // The reference ties nothing here, whatever the key says: the embedding has another width.
    if (keys.flag("tie_word_embeddings", false))
      keys.wrong("tie_word_embeddings", "false: embedding and head are two tensors");
    // Each speaker has a token that begins a text, so nobody reads tts_text_start_token_id. The
    // others say where sound and vision are.
    for (const char* key :
         {"tts_text_start_token_id", "audio_token_index", "image_token_index", "video_token_index",
          "audio_start_token_id", "audio_end_token_id", "vision_start_token_id",
          "vision_end_token_id", "position_id_per_seconds", "seconds_per_chunk"})
      (void)keys[key];
    const int merge = omni.encoders.vision.merge;
    if (keys.whole("spatial_merge_size", 2) != merge)
      keys.wrong("spatial_merge_size", std::to_string(merge) + ", as in thinker_config");
    talker_network = read_network(keys, qwen2_5_talker);
    set_sections(talker_network.shape, keys, "rope_parameters");
    talker_network.parts.bare = true;  // tensors of other shapes than a text model's
  }

  void read() {
    ConfigKeys keys(file, config);
    (void)keys["model_type"];
    read_thinker(object(keys, "thinker_config", "thinker_config."));
    omni.speaks = keys.flag("enable_audio_output", true) && keys.has("talker_config");
    if (omni.speaks) read_talker(object(keys, "talker_config", "talker_config."));
    // enable_talker is in the published file and nobody reads it.
    for (const char* key : {"talker_config", "token2wav_config", "enable_talker"}) (void)keys[key];
    keys.refuse_others(true, "qwen2_5_omni");
  }

  NetworkConfig thinker_part() {
    NetworkConfig all = thinker_network;
    all.names = {{"thinker.model.", ""},
                 {"thinker.lm_head", "lm_head", true},
                 {.from = "thinker.audio_tower.", .to = "audio_tower.", .plain = true},
                 {.from = "thinker.visual.", .to = "visual.", .plain = true}};
    all.unread = {"talker.", "token2wav."};
    return all;
  }

  NetworkConfig talker_part() {
    NetworkConfig all = talker_network;
    const DecoderShape& s = all.shape;
    all.names = {{"talker.codec_head", "lm_head", true},
                 {"talker.thinker_to_talker_proj", "input_projection", true},
                 {"thinker.model.embed_tokens", "thinker.embed_tokens", true},
                 {"talker.model.", ""}};
    all.tensors = {{"embed_tokens", s.vocab, omni.thinker_hidden},
                   {"lm_head", s.vocab, s.hidden},
                   {"input_projection", s.hidden, omni.thinker_hidden},
                   {"input_projection.bias", 1, s.hidden},
                   {"thinker.embed_tokens", omni.thinker_vocab, omni.thinker_hidden}};
    all.unread = {"thinker.", "token2wav."};
    omni.speakers = read_speakers(file.parent_path(), omni.thinker_vocab);
    return all;
  }
};

}  // namespace

NetworkConfig read_qwen2_5_omni(const fs::path& file, const json& config, std::string_view part) {
  Qwen25Reader reader{file, config};
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
  all.qwen2_5 = std::move(reader.omni);
  return all;
}

}  // namespace limelight::stages
