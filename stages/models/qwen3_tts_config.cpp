// Reads config.json of a qwen3_tts: the shapes of talker and code predictor, and which tensors of
// the folder are theirs. Source: qwen-tts 0.1.1 (PyPI), core/models.
#include <algorithm>

#include "stages/models/hf_files.hpp"
#include "stages/models/refusal.hpp"

namespace limelight::stages {

using nlohmann::json;
namespace fs = std::filesystem;

namespace {

const Architecture talker_decoder{.name = "qwen3_tts_talker",
                                  .qkv_bias = {"attention_bias"},
                                  .o_bias = {"attention_bias"},
                                  .qk_norm = true,
                                  .windows = Windows::switched,
                                  .window = 4096};
const Architecture predictor_decoder{.name = "qwen3_tts_talker_code_predictor",
                                     .qkv_bias = {"attention_bias"},
                                     .o_bias = {"attention_bias"},
                                     .qk_norm = true,
                                     .head_dim = 128,
                                     .windows = Windows::late,
                                     .window = 4096};

// What the classes there have where config.json has no key: save_pretrained() leaves such keys out.
const json& talker_defaults() {
  static const json all{{"vocab_size", 3072},         {"hidden_size", 1024},
                        {"intermediate_size", 2048},  {"num_hidden_layers", 20},
                        {"num_attention_heads", 16},  {"num_key_value_heads", 2},
                        {"num_code_groups", 32},      {"max_position_embeddings", 32768},
                        {"text_hidden_size", 2048},   {"codec_eos_token_id", 4198},
                        {"codec_think_id", 4202},     {"codec_nothink_id", 4203},
                        {"codec_think_bos_id", 4204}, {"codec_think_eos_id", 4205},
                        {"codec_pad_id", 4196},       {"codec_bos_id", 4197}};
  return all;
}
const json& predictor_defaults() {
  static const json all{{"vocab_size", 2048},        {"hidden_size", 1024},
                        {"intermediate_size", 3072}, {"num_hidden_layers", 5},
                        {"num_attention_heads", 16}, {"num_key_value_heads", 8},
                        {"num_code_groups", 32},     {"max_position_embeddings", 32768}};
  return all;
}
json with_defaults(json defaults, const json& stated) {
  defaults.update(stated);
  return defaults;
}

constexpr int most_code_groups = 64;

bool in_lower_case(const std::string& name) {
  return std::none_of(name.begin(), name.end(), [](char c) { return c >= 'A' && c <= 'Z'; });
}

struct TtsReader {
  const fs::path& file;
  const json& config;
  Qwen3Tts tts = {};
  NetworkConfig network = {}, predictor = {};

  static const json& object(ConfigKeys& in, const char* key) {
    const json& value = in[key];
    if (!value.is_object()) in.wrong(key, "an object");
    return value;
  }

  static int token(ConfigKeys& keys, const char* key, int vocab) {
    const int id = keys.whole(key);
    if (id >= vocab) keys.wrong(key, "a token below " + std::to_string(vocab));
    return id;
  }

  static std::map<std::string, int> codes(ConfigKeys& keys, const char* key, int vocab) {
    std::map<std::string, int> found;
    const json& all = keys[key];
    if (all.is_null()) return found;
    if (!all.is_object()) keys.wrong(key, "names with codes");
    for (const auto& [name, code] : all.items()) {
      if (!in_lower_case(name)) keys.wrong(key, "names in lower case: no others are found");
      if (!code.is_number_unsigned() ||
          code.get<std::uint64_t>() >= static_cast<std::uint64_t>(vocab))
        keys.wrong(key, "codes below vocab_size (" + std::to_string(vocab) + ")");
      found.emplace(name, code.get<int>());
    }
    return found;
  }

  void read_dialects(ConfigKeys& keys) {
    const json& all = keys["spk_is_dialect"];
    for (const auto& [name, code] : tts.speakers) {
      const json dialect = all.is_object() ? all.value(name, json()) : json();
      if (dialect == false) continue;
      if (!dialect.is_string() || !tts.languages.contains(dialect.get<std::string>()))
        keys.wrong("spk_is_dialect",
                   "false or a name of codec_language_id for speaker '" + name + "'");
      tts.dialects.emplace(name, dialect.get<std::string>());
    }
  }

  void read_predictor(const json& stated, int groups, int width) {
    const json all = with_defaults(predictor_defaults(), stated);
    ConfigKeys keys(file, all, "talker_config.code_predictor_config.");
    if (keys.whole("num_code_groups") != groups)
      keys.wrong("num_code_groups", std::to_string(groups) + ", as in talker_config");
    if (keys.flag("tie_word_embeddings", false))
      keys.wrong("tie_word_embeddings", "false: each group has an embedding and a head");
    check_rope_type(keys);
    predictor = read_network(std::move(keys), predictor_decoder);
    predictor.parts.bare = true;
    tts.predictor = {.groups = groups, .width = width, .decoder = predictor.shape};
  }

  // For the reference the older name decides where there are both.
  static void check_rope_type(ConfigKeys& keys) {
    if (keys.has("rope_parameters"))
      keys.wrong("rope_parameters", "none: the reference reads rope_theta and rope_scaling alone");
    const json& scaling = keys["rope_scaling"];
    if (scaling.is_object() && scaling.contains("type") && scaling.contains("rope_type") &&
        scaling["type"] != scaling["rope_type"])
      keys.wrong("rope_scaling", "the same as type and as rope_type, or one of them");
  }

  // The reference asks for the sections of positions, which text has all alike.
  static void check_rope(ConfigKeys& keys, const DecoderShape& shape) {
    check_rope_type(keys);
    const json& scaling = keys["rope_scaling"];
    if (!scaling.is_object() || !scaling.contains("mrope_section") ||
        !scaling.value("interleaved", json()).is_boolean())
      keys.wrong("rope_scaling", "an object with mrope_section and interleaved");
    int pairs = 0;
    for (const json& part : scaling["mrope_section"])
      pairs += part.is_number_unsigned()
                   ? static_cast<int>(std::min<std::uint64_t>(part.get<std::uint64_t>(), 1 << 16))
                   : 0;
    if (scaling["interleaved"] == false && pairs != shape.head_dim / 2)
      keys.wrong("rope_scaling",
                 "mrope_section with the sum " + std::to_string(shape.head_dim / 2));
  }

  void read_talker(const json& stated) {
    const json all = with_defaults(talker_defaults(), stated);
    ConfigKeys keys(file, all, "talker_config.");
    if (keys.flag("tie_word_embeddings", false))
      keys.wrong("tie_word_embeddings", "false: codec_head has weights of its own");
    const int vocab = keys.count("vocab_size", -1, 1 << 22), groups = keys.whole("num_code_groups");
    if (groups < 2 || groups > most_code_groups)
      keys.wrong("num_code_groups", "2 to " + std::to_string(most_code_groups));
    tts.text_hidden = keys.count("text_hidden_size", -1, 1 << 17);
    tts.text_vocab = keys.count("text_vocab_size", -1, 1 << 22);
    tts.codec_bos = token(keys, "codec_bos_id", vocab);
    tts.codec_eos = token(keys, "codec_eos_token_id", vocab);
    tts.codec_pad = token(keys, "codec_pad_id", vocab);
    tts.codec_think = token(keys, "codec_think_id", vocab);
    tts.codec_nothink = token(keys, "codec_nothink_id", vocab);
    tts.codec_think_bos = token(keys, "codec_think_bos_id", vocab);
    tts.codec_think_eos = token(keys, "codec_think_eos_id", vocab);
    tts.speakers = codes(keys, "spk_id", vocab);
    tts.languages = codes(keys, "codec_language_id", vocab);
    if (tts.has_speakers && tts.speakers.empty()) keys.wrong("spk_id", "a speaker or more");
    read_dialects(keys);
    static const json none = json::object();
    const json& inner = keys["code_predictor_config"];
    if (!inner.is_null() && !inner.is_object()) keys.wrong("code_predictor_config", "an object");
    read_predictor(inner.is_object() ? inner : none, groups, keys.whole("hidden_size"));
    (void)keys["position_id_per_seconds"];  // of the model that it was made from: nobody reads it
    network = read_network(keys, talker_decoder);
    check_rope(keys, network.shape);
  }

  void read() {
    ConfigKeys keys(file, config);
    (void)keys["model_type"];
    const json &type = keys["tts_model_type"], &size = keys["tts_model_size"],
               &codec = keys["tokenizer_type"];
    if (type == "base")
      refuse(file,
             "key 'tts_model_type': found \"base\", expected custom_voice or voice_design: a voice "
             "cannot be cloned from a sound here",
             ErrorCode::unavailable);
    if (type != "custom_voice" && type != "voice_design")
      keys.wrong("tts_model_type", "custom_voice or voice_design");
    if (codec != "qwen3_tts_tokenizer_12hz")
      refuse(file,
             "key 'tokenizer_type': found " + codec.dump().substr(0, 60) +
                 ", expected qwen3_tts_tokenizer_12hz",
             ErrorCode::unavailable);
    tts.has_speakers = type == "custom_voice";
    // The smallest model reads no instructions.
    if (!size.is_string()) keys.wrong("tts_model_size", "a word such as 1b7");
    tts.takes_instructions = !tts.has_speakers || size != "0b6";
    read_talker(object(keys, "talker_config"));
    const auto text_token = [&](const char* key, int usual) {
      const int id = keys.whole(key, usual);
      if (id >= tts.text_vocab)
        keys.wrong(key, "a token below text_vocab_size (" + std::to_string(tts.text_vocab) + ")");
      return id;
    };
    tts.tts_bos = text_token("tts_bos_token_id", 151672);
    tts.tts_eos = text_token("tts_eos_token_id", 151673);
    tts.tts_pad = text_token("tts_pad_token_id", 151671);
    // The prompt says where a message begins and ends; only a base model has a speaker encoder.
    for (const char* key : {"im_start_token_id", "im_end_token_id", "assistant_token_id",
                            "speaker_encoder_config", "tie_word_embeddings"})
      (void)keys[key];
    keys.refuse_others(true, "qwen3_tts");
  }

  NetworkConfig part() {
    NetworkConfig all = network;
    const DecoderShape &s = all.shape, &p = predictor.shape;
    all.names = {{"talker.model.codec_embedding", "embed_tokens", true},
                 {"talker.model.text_embedding", "text.embed_tokens", true},
                 {"talker.codec_head", "lm_head", true},
                 {"talker.text_projection.linear_fc1", "text_projection.fc1", true},
                 {"talker.text_projection.linear_fc2", "text_projection.fc2", true}};
    all.tensors = {{"text.embed_tokens", tts.text_vocab, tts.text_hidden},
                   {"text_projection.fc1", tts.text_hidden, tts.text_hidden},
                   {"text_projection.fc1.bias", 1, tts.text_hidden},
                   {"text_projection.fc2", s.hidden, tts.text_hidden},
                   {"text_projection.fc2.bias", 1, s.hidden}};
    const std::string at = "talker.code_predictor.";
    for (int g = 0; g + 1 < tts.predictor.groups; ++g) {
      const std::string number = std::to_string(g);
      all.names.push_back(
          {at + "model.codec_embedding." + number, "predictor.embed." + number, true});
      all.names.push_back({at + "lm_head." + number, "predictor.head." + number, true});
      all.tensors.push_back({"predictor.embed." + number, p.vocab, s.hidden});
      all.tensors.push_back({"predictor.head." + number, p.vocab, p.hidden});
    }
    if (p.hidden != s.hidden) {
      all.names.push_back({at + "small_to_mtp_projection", "predictor.projection", true});
      all.tensors.push_back({"predictor.projection", p.hidden, s.hidden});
      all.tensors.push_back({"predictor.projection.bias", 1, p.hidden});
    }
    all.names.push_back({at + "model.", "predictor."});
    all.names.push_back({"talker.model.", ""});
    all.decoders = {{"predictor.", p, predictor.parts}};
    all.tts = std::move(tts);
    return all;
  }
};

}  // namespace

NetworkConfig read_qwen3_tts(const fs::path& file, const json& config, std::string_view part) {
  if (part != "talker")
    refuse(file, "found no part '" + std::string(part) + "' of a qwen3_tts, expected talker",
           ErrorCode::unavailable);
  TtsReader reader{file, config};
  reader.read();
  return reader.part();
}

}  // namespace limelight::stages
