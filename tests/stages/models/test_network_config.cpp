// What config.json says of a network: each key is obeyed, refused, or known to change nothing.
#include <map>
#include <set>

#include "stages/models/hf_files.hpp"
#include "tests/stages/models/fixtures.hpp"
#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::stages;
using namespace limelight::tests;
using nlohmann::json;

namespace {

// Of each family, with all keys of its class (tests/oracle/make_config_fixtures.py).
const json& configs() {
  static const json all = json::parse(read_file(fixtures / "families/configs.json"));
  return all;
}

struct Read {
  NetworkConfig network;
  std::string refused;
};
Read read(const json& config) {
  const Folder folder;
  try {
    return {read_network_config(write_file(folder.path / "config.json", config.dump()), "thinker"),
            {}};
  } catch (const ModelRefusal& refusal) {
    return {{}, refusal.error.message};
  }
}
Read read(const char* family, const json& changes) {
  json config = configs().at(family);
  config.update(changes);
  return read(config);
}
void refuses_network(const char* family, const json& changes, const std::string& expected) {
  const Read found = read(family, changes);
  BOOST_TEST(found.refused.find(expected) != std::string::npos,
             family << " " << changes << ": " << found.refused);
}

bool same(const NetworkConfig& a, const NetworkConfig& b) {
  return a.shape == b.shape && a.parts == b.parts && a.ends == b.ends &&
         a.architecture == b.architecture;
}

// Another value of the same kind.
json another(const std::string& key, const json& value) {
  static const std::map<std::string, json> of{
      {"hidden_act", "gelu"},   {"hidden_activation", "gelu"},
      {"model_type", "llama2"}, {"eos_token_id", 77},
      {"sliding_window", 3},    {"num_experts", 3},
      {"num_local_experts", 3}, {"mlp_only_layers", json::array({1})},
      {"num_hidden_layers", 5}, {"use_bidirectional_attention", true}};
  if (const auto at = of.find(key); at != of.end()) return at->second;
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_number_integer()) return value.get<int>() + 2;
  if (value.is_number()) return value.get<double>() * 2 + 0.5;
  if (value.is_array() && value.size() == 4 && value[0].is_string())
    return json::array({"full_attention", "sliding_attention", "full_attention", "full_attention"});
  if (value.is_array() && value.size() == 4) return json::array({0, 1, 1, 1});
  if (value.is_object() && value.contains("full_attention"))
    return json{{"full_attention", {{"rope_type", "default"}, {"rope_theta", 77.0}}},
                {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 78.0}}}};
  if (value.is_object()) return json{{"rope_type", "default"}, {"rope_theta", 77.0}};
  return 3;
}

// Training, caches, outputs that nobody asks for, and what other files say.
const std::set<std::string> changes_nothing{"_name_or_path",
                                            "architectures",
                                            "attention_dropout",
                                            "bos_token_id",
                                            "chunk_size_feed_forward",
                                            "dtype",
                                            "embd_pdrop",
                                            "id2label",
                                            "initializer_range",
                                            "label2id",
                                            "output_attentions",
                                            "output_hidden_states",
                                            "output_router_logits",
                                            "pad_token_id",
                                            "pretraining_tp",
                                            "problem_type",
                                            "resid_pdrop",
                                            "return_dict",
                                            "router_aux_loss_coef",
                                            "transformers_version",
                                            "use_cache"};

}  // namespace

BOOST_AUTO_TEST_SUITE(network_config)

BOOST_AUTO_TEST_CASE(every_key_of_every_family_is_obeyed_refused_or_known_to_change_nothing) {
  for (const auto& [family, config] : configs().items()) {
    const Read usual = read(config);
    BOOST_TEST(usual.refused == "", family << ": " << usual.refused);
    for (const auto& [key, value] : config.items()) {
      json changed = config;
      changed[key] = another(key, value);
      const Read found = read(changed);
      const bool differs = !found.refused.empty() || !same(found.network, usual.network);
      // These count only beside another key, which has its own case below.
      const bool switched =
          key == "max_window_layers" || key == "no_rope_layer_interval" || key == "layer_types" ||
          key == "_sliding_window_pattern" || key == "original_max_position_embeddings" ||
          key == "max_position_embeddings" || key == "use_sliding_window" ||
          (key == "sliding_window" && !config.value("use_sliding_window", true)) ||
          (key == "attn_logit_softcapping" && family == "gemma3_text");
      if (!switched)
        BOOST_TEST(differs != changes_nothing.contains(key),
                   family << ": " << key << " = " << changed[key]);
    }
    json unknown = config;
    unknown["num_nextn_predict_layers"] = 1;
    BOOST_TEST(read(unknown).refused.find("key 'num_nextn_predict_layers': found 1, expected no "
                                          "such key") != std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(windows_are_where_the_family_has_them) {
  const auto windows = [](const char* family, const json& changes) {
    const Read found = read(family, changes);
    BOOST_TEST(found.refused == "", found.refused);
    std::string all;
    for (int l = 0; l < found.network.shape.layers; ++l)
      all += found.network.shape.layer(l).window == 0   ? '-'
             : found.network.shape.layer(l).window == 9 ? 'w'
                                                        : '?';
    return all;
  };
  const json none, nine{{"sliding_window", 9}};
  const auto with = [&](json more) {
    more["sliding_window"] = 9;
    return more;
  };
  BOOST_TEST(windows("mistral", nine) == "wwww");
  BOOST_TEST(windows("mistral", {{"sliding_window", none}}) == "----");
  BOOST_TEST(windows("phi3", nine) == "wwww");
  BOOST_TEST(windows("qwen3_moe", with({{"use_sliding_window", true}})) == "wwww");
  BOOST_TEST(windows("qwen3_moe", nine) == "----");
  const json used{{"use_sliding_window", true}, {"max_window_layers", 1}, {"layer_types", none}};
  BOOST_TEST(windows("qwen2", with(used)) == "-www");
  BOOST_TEST(windows("qwen2_moe", with(used)) == "w---");
  BOOST_TEST(windows("qwen2", with({{"max_window_layers", 1}, {"layer_types", none}})) == "----");
  BOOST_TEST(windows("gemma2", with({{"layer_types", none}})) == "w-w-");
  BOOST_TEST(windows("gemma3_text", with({{"layer_types", none}, {"sliding_window_pattern", 3}})) ==
             "ww-w");
  const json listed =
      json::array({"full_attention", "sliding_attention", "full_attention", "sliding_attention"});
  BOOST_TEST(windows("gemma3_text", with({{"layer_types", listed}})) == "-w-w");
  BOOST_TEST(windows("qwen3", with({{"layer_types", listed}, {"use_sliding_window", true}})) ==
             "-w-w");
  BOOST_TEST(windows("smollm3", with({{"layer_types", none}, {"use_sliding_window", true}})) ==
             "---w");
  refuses_network("gemma2", {{"layer_types", {"full_attention"}}},
                  "a word for each of the 4 layers");
  refuses_network("gemma2", {{"layer_types", {"a", "b", "c", "d"}}}, "sliding_attention alone");
  // The reference's cache keeps all of a window of 1, and with 0 it sees nothing.
  for (const int window : {0, 1})
    refuses_network("mistral", {{"sliding_window", window}}, "expected 2 or more, or null");
  BOOST_TEST(windows("qwen3_moe", {{"sliding_window", 1}}) == "----");  // not used
  refuses_network("llama", nine,
                  "key 'sliding_window': found 9, expected none: llama has no such part");
}

BOOST_AUTO_TEST_CASE(rope_is_stated_in_old_and_new_ways) {
  const auto shape = [](const char* family, json changes) {
    json config = configs().at(family);
    config.erase("rope_parameters");
    config.update(changes);
    const Read found = read(config);
    BOOST_TEST(found.refused == "", found.refused);
    return found.network.shape;
  };
  const json linear{{"rope_type", "linear"}, {"factor", 2.0}};
  // Without rope_theta in rope_parameters, the key beside it counts.
  const DecoderShape beside = shape("llama", {{"rope_theta", 5e5}, {"rope_parameters", linear}});
  json both = linear;
  both["rope_theta"] = 5e5;
  BOOST_TEST((beside == shape("llama", {{"rope_parameters", both}})));
  BOOST_TEST((beside == shape("llama", {{"rope_theta", 5e5},
                                        {"rope_scaling", {{"type", "linear"}, {"factor", 2}}}})));
  BOOST_TEST((beside != shape("llama", {{"rope_theta", 5e5}})));
  // Gemma 3: rope_scaling is of the layers without a window.
  const DecoderShape older =
      shape("gemma3_text",
            {{"rope_theta", 1e5}, {"rope_local_base_freq", 1e3}, {"rope_scaling", linear}});
  json full = linear;
  full["rope_theta"] = 1e5;
  const json nested{{"full_attention", full},
                    {"sliding_attention", {{"rope_type", "default"}, {"rope_theta", 1e3}}}};
  BOOST_TEST((older == shape("gemma3_text", {{"rope_parameters", nested}})));
  BOOST_TEST(older.ropes.size() == 2u);
  BOOST_TEST(older.layer(0).rope == 1);
  BOOST_TEST((shape("phi3", {{"partial_rotary_factor", 0.5}}).ropes[0].frequencies.size() ==
              static_cast<std::size_t>(configs()["phi3"]["hidden_size"].get<int>() /
                                       configs()["phi3"]["num_attention_heads"].get<int>() / 4)));
  refuses_network("llama", {{"rope_parameters", {{"rope_type", "spiral"}}}}, "found 'spiral'");
  refuses_network("llama", {{"rope_parameters", {{"rope_type", "linear"}}}}, "factor: found none");
  refuses_network("llama", {{"rope_parameters", {{"rope_type", "default"}, {"slope", 2}}}},
                  "key 'rope_parameters.slope'");
  refuses_network("llama", {{"partial_rotary_factor", 0.5}}, "partial_rotary_factor");
  refuses_network("llama",
                  {{"rope_parameters", {{"rope_type", "longrope"}, {"short_factor", {1, 2}}}}},
                  "expected 64, one for each pair");
}

BOOST_AUTO_TEST_CASE(experts_are_in_the_layers_that_are_not_listed_as_dense) {
  const auto experts = [](const char* family, const json& changes) {
    const Read found = read(family, changes);
    BOOST_TEST(found.refused == "", found.refused);
    std::string all;
    for (int l = 0; l < found.network.shape.layers; ++l)
      all += found.network.shape.layer(l).experts ? 'e' : '-';
    return all;
  };
  BOOST_TEST(experts("qwen3_moe", json::object()) == "eeee");
  BOOST_TEST(experts("qwen3_moe", {{"mlp_only_layers", {0, 2}}}) == "-e-e");
  BOOST_TEST(experts("qwen2_moe", {{"decoder_sparse_step", 2}}) == "-e-e");
  BOOST_TEST(experts("llama", json::object()) == "----");
}

BOOST_AUTO_TEST_CASE(what_would_change_results_and_is_not_here_is_refused_by_name) {
  refuses_network("gemma2", {{"use_bidirectional_attention", true}},
                  "'use_bidirectional_attention'");
  refuses_network("llama", {{"quantization_config", {{"quant_method", "awq"}}}},
                  "'quantization_config'");
  refuses_network("mistral", {{"attention_bias", true}}, "expected none: mistral has no such part");
  refuses_network("llama", {{"hidden_act", "relu"}}, "key 'hidden_act': found \"relu\"");
  refuses_network("llama", {{"model_type", "bert"}}, "key 'model_type': found \"bert\"");
  refuses_network("llama", {{"num_hidden_layers", -2}}, "key 'num_hidden_layers': found -2");
  refuses_network("llama", {{"eos_token_id", 1000000}}, "each below vocab_size (32000)");
  refuses_network("gemma2", {{"query_pre_attn_scalar", 0}}, "key 'query_pre_attn_scalar': found 0");
}

BOOST_AUTO_TEST_SUITE_END()
