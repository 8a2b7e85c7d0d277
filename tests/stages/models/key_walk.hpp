// Walks over all keys of a config.json and of the objects in it: each is obeyed, refused, or known
// to change nothing.
#pragma once

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <functional>
#include <limelight/config.hpp>
#include <nlohmann/json.hpp>
#include <set>
#include <string>
#include <tuple>

#include "stages/models/hf_files.hpp"
#include "tests/support.hpp"

namespace limelight::tests {

// What transformers' configs have everywhere, and what nobody computes by.
inline const std::set<std::string> of_every_class{"_name_or_path",
                                                  "architectures",
                                                  "attention_dropout",
                                                  "bos_token_id",
                                                  "chunk_size_feed_forward",
                                                  "dtype",
                                                  "id2label",
                                                  "initializer_range",
                                                  "is_decoder",
                                                  "is_encoder_decoder",
                                                  "label2id",
                                                  "output_attentions",
                                                  "output_hidden_states",
                                                  "output_router_logits",
                                                  "pad_token_id",
                                                  "problem_type",
                                                  "return_dict",
                                                  "router_aux_loss_coef",
                                                  "transformers_version",
                                                  "use_cache"};

// Another value of the same kind.
inline nlohmann::json another_value(const std::string& key, const nlohmann::json& value) {
  if (key == "is_encoder_decoder") return false;
  if (key == "sliding_window") return 3;
  if (key == "layer_types") return nlohmann::json::array({"sliding_attention"});
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_number_integer()) return value.get<int>() + 2;
  if (value.is_number()) return value.get<double>() * 2 + 0.5;
  if (value.is_string()) return "other";
  if (value.is_array()) {
    nlohmann::json longer = value;
    longer.push_back(value.empty() ? nlohmann::json(1) : value[0]);
    return longer;
  }
  return 3;
}

inline bool same_numbers(const stages::NetworkConfig& a, const stages::NetworkConfig& b) {
  const auto of_tts = [](const stages::Qwen3Tts& t) {
    return std::tie(t.has_speakers, t.takes_instructions, t.text_hidden, t.text_vocab, t.tts_bos,
                    t.tts_eos, t.tts_pad, t.codec_bos, t.codec_eos, t.codec_pad, t.codec_think,
                    t.codec_nothink, t.codec_think_bos, t.codec_think_eos, t.speakers, t.languages,
                    t.dialects, t.predictor.groups, t.predictor.width, t.predictor.decoder);
  };
  const auto of_omni = [](const stages::Qwen3Omni& o) {
    return std::tie(o.placeholders, o.im_start, o.user, o.assistant, o.tts_bos, o.tts_eos,
                    o.tts_pad, o.thinker_hidden, o.thinker_vocab, o.speaks, o.accept_layer,
                    o.codec_bos, o.codec_eos, o.codec_pad, o.codec_nothink, o.codec_think_bos,
                    o.codec_think_eos, o.speakers, o.predictor.groups, o.predictor.width,
                    o.predictor.decoder);
  };
  const auto of_older = [](const stages::Qwen25Omni& o) {
    return std::tie(o.placeholders, o.thinker_hidden, o.thinker_vocab, o.speaks, o.text_end,
                    o.text_pad, o.codec_bos, o.codec_eos, o.codec_pad, o.codec_mask);
  };
  if (a.tensors.size() != b.tensors.size() || a.decoders.size() != b.decoders.size()) return false;
  for (std::size_t i = 0; i < a.tensors.size(); ++i)
    if (std::tie(a.tensors[i].name, a.tensors[i].rows, a.tensors[i].cols) !=
        std::tie(b.tensors[i].name, b.tensors[i].rows, b.tensors[i].cols))
      return false;
  for (std::size_t i = 0; i < a.decoders.size(); ++i)
    if (a.decoders[i].shape != b.decoders[i].shape || a.decoders[i].parts != b.decoders[i].parts)
      return false;
  return a.shape == b.shape && a.parts == b.parts && a.ends == b.ends &&
         (!a.tts || of_tts(*a.tts) == of_tts(*b.tts)) &&
         (!a.omni || of_omni(*a.omni) == of_omni(*b.omni)) &&
         (!a.qwen2_5 || of_older(*a.qwen2_5) == of_older(*b.qwen2_5));
}

// Changes one key after the other in `file` and the objects in it that `within` lets in, of which
// it gets the path, such as "/talker_config". parts: of the model. changes_nothing: keys, or paths
// of those that count elsewhere or beside another one alone.
inline void walk_keys(const std::filesystem::path& file,
                      const std::vector<std::string>& parts,
                      const std::set<std::string>& changes_nothing,
                      const std::function<bool(const std::string&)>& within) {
  using nlohmann::json;
  const json good = json::parse(read_file(file));
  const Folder folder;
  // Beside it are what other parts of a reader look for.
  std::filesystem::copy(
      file.parent_path(), folder.path,
      std::filesystem::copy_options::recursive | std::filesystem::copy_options::overwrite_existing);
  const auto read = [&](const json& config, const std::string& part, std::string& refused) {
    write_file(folder.path / "config.json", config.dump());
    try {
      return stages::read_network_config(folder.path / "config.json", part);
    } catch (const stages::ModelRefusal& refusal) {
      refused = refusal.error.message;
      return stages::NetworkConfig{};
    }
  };
  const std::function<void(const std::string&)> walk = [&](const std::string& at) {
    for (const auto& [key, value] : good[json::json_pointer(at)].items()) {
      const std::string path = at + "/" + key;
      if (value.is_object() && within(path)) {
        walk(path);
        continue;
      }
      bool differs = false;
      for (const std::string& part : parts) {
        json changed = good;
        changed[json::json_pointer(path)] = another_value(key, value);
        std::string refused;
        const auto usual = read(good, part, refused);
        BOOST_TEST(refused == "");
        const auto other = read(changed, part, refused);
        differs = differs || !refused.empty() || !same_numbers(usual, other);
      }
      const bool nothing = of_every_class.contains(key) || changes_nothing.contains(key) ||
                           changes_nothing.contains(path) || (key == "model_type" && !at.empty());
      BOOST_TEST(differs != nothing, path << " = " << another_value(key, value));
    }
    json unknown = good;
    unknown[json::json_pointer(at)]["novelty"] = 1;
    std::string refused;
    (void)read(unknown, parts[0], refused);
    BOOST_TEST(refused.find("novelty'") != std::string::npos, at << ": " << refused);
  };
  walk("");
}

}  // namespace limelight::tests
