// What config.json, the tensors and the voices of a token2wav may be.
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>

#include "stages/models/refusal.hpp"
#include "stages/models/token2wav_model.hpp"
#include "tests/stages/models/fixtures.hpp"
#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::stages;
using namespace limelight::tests;
using nlohmann::json;

namespace {

namespace fs = std::filesystem;

const fs::path folder = fixtures / "token2wav";

json usual() { return json::parse(read_file(folder / "config.json")); }

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

struct Copy {
  Folder copy;
  Copy() {
    for (const char* name : {"config.json", "model.safetensors", "speakers.safetensors"})
      fs::copy(folder / name, copy.path / name);
  }
  std::string open() const {
    const auto opened = Token2WavModel::open(copy.path);
    return opened ? "" : opened.error().message;
  }
  std::string open(const json& config) const {
    std::ofstream(copy.path / "config.json") << config;
    return open();
  }
  // The same length keeps the offsets.
  void replace(const char* file, const std::string& from, const std::string& to) const {
    std::string text = read_file(folder / file);
    text.replace(text.find(from), from.size(), to);
    std::ofstream(copy.path / file, std::ios::binary) << text;
  }
};

struct Read {
  Token2WavShape shape;
  std::string refused;
};
Read read(const json& config) {
  const Folder made;
  try {
    return {read_token2wav_config(write_file(made.path / "config.json", config.dump())), {}};
  } catch (const ModelRefusal& refusal) {
    return {{}, refusal.error.message};
  }
}

// Another value of the same kind.
json another(const json& value) {
  if (value.is_boolean()) return !value.get<bool>();
  if (value.is_number_integer()) return value.get<int>() + 2;
  if (value.is_number()) return value.get<double>() * 2 + 0.5;
  if (value.is_array() && !value.empty()) {
    json changed = value;
    changed.back() = another(value.back());
    return changed;
  }
  if (value.is_object()) return json{{"rope_type", "default"}, {"rope_theta", 77.0}};
  return 3;
}

// Training, outputs that nobody asks for, and what other files say.
const std::set<std::string> changes_nothing{"_name_or_path",
                                            "architectures",
                                            "chunk_size_feed_forward",
                                            "dropout",
                                            "dtype",
                                            "id2label",
                                            "is_encoder_decoder",
                                            "label2id",
                                            "model_type",
                                            "output_attentions",
                                            "output_hidden_states",
                                            "problem_type",
                                            "return_dict",
                                            "transformers_version"};

}  // namespace

BOOST_AUTO_TEST_SUITE(token2wav_model)

BOOST_AUTO_TEST_CASE(every_key_of_the_classes_is_obeyed_refused_or_known_to_change_nothing) {
  const json config = usual();
  const Read good = read(config);
  BOOST_TEST(good.refused == "");
  for (const std::string at :
       {"/token2wav_config", "/token2wav_config/dit_config", "/token2wav_config/bigvgan_config"}) {
    const json::json_pointer pointer(at);
    for (const auto& [key, value] : config[pointer].items()) {
      if (key.ends_with("_config")) continue;
      json changed = config;
      changed[pointer][key] = key == "is_encoder_decoder" ? json(false) : another(value);
      const Read found = read(changed);
      const bool differs = !found.refused.empty() || !(found.shape == good.shape);
      BOOST_TEST(differs != changes_nothing.contains(key),
                 at << "/" << key << " = " << changed[pointer][key]);
    }
    json unknown = config;
    unknown[pointer]["novelty"] = 1;
    BOOST_TEST(has(read(unknown).refused, ".novelty'"), read(unknown).refused);
  }
}

BOOST_AUTO_TEST_CASE(numbers_that_cannot_be_are_refused_by_name) {
  const std::vector<std::pair<const char*, std::vector<json>>> wrong{
      {"dit_config/num_hidden_layers", {0, -1, 1 << 20, "two", 2.5}},
      {"dit_config/hidden_size", {0, 4'000'000'000u}},
      {"dit_config/head_dim", {0, 7}},
      {"dit_config/num_embeds", {0, 1 << 30}},
      {"dit_config/max_position_embeddings", {0, 1}},
      {"dit_config/look_ahead_layers", {3, json::array({"one"})}},
      {"dit_config/enc_channels",
       {json::array({8, 8}), json::array({8, 8, 8, 9, 25}), json::array({8, 8, 8, 8, 25}), "8"}},
      {"dit_config/enc_kernel_sizes", {json::array({5, 3}), json::array({5, 3, 3, 3, 0})}},
      {"dit_config/enc_res2net_scale", {3, 0}},
      {"dit_config/rope_parameters",
       {json{{"rope_type", "yarn"}, {"factor", 2}}, json{{"rope_theta", 0}}, "default"}},
      {"dit_config/dim", {17}},
      {"dit_config/heads", {3}},
      {"dit_config/depth", {4}},
      {"bigvgan_config/upsample_rates",
       {json::array({0, 2}), json::array({5}), json::array({5, 2, 2}), json::array({64, 64})}},
      {"bigvgan_config/upsample_kernel_sizes", {json::array({4, 4}), json::array({11})}},
      {"bigvgan_config/upsample_initial_channel", {0, 3}},
      {"bigvgan_config/resblock_kernel_sizes", {json::array({3, 4}), json::array({3})}},
      {"bigvgan_config/resblock_dilation_sizes",
       {json::array({json::array({1, 3})}), json::array({1, 3}), 3}},
      {"bigvgan_config/use_bias_at_final", {true}}};
  for (const auto& [path, values] : wrong)
    for (const json& value : values) {
      json config = usual();
      config[json::json_pointer(std::string("/token2wav_config/").append(path))] = value;
      const std::string said = read(config).refused;
      BOOST_TEST(has(said, "token2wav_config."), path << " = " << value << ": " << said);
    }
  json config = usual();
  config["token2wav_config"]["bigvgan_config"]["mel_dim"] = 9;
  BOOST_TEST(has(read(config).refused, "one reads what the other gives"));
  config = usual();
  config["model_type"] = "qwen2";
  BOOST_TEST(has(read(config).refused, "expected qwen2_5_omni"));
  config = usual();
  config["enable_audio_output"] = false;
  BOOST_TEST(has(read(config).refused, "this model has no token2wav"));
}

BOOST_AUTO_TEST_CASE(keys_of_the_published_file_that_agree_or_that_nobody_reads_are_accepted) {
  json config = usual();
  json& dit = config["token2wav_config"]["dit_config"];
  dit.update({{"dim", 16},
              {"depth", 3},
              {"heads", 2},
              {"enc_global_context", true},
              {"enc_lin_neurons", 192},
              {"torch_dtype", "float32"},
              {"_attn_implementation_autoset", true}});
  dit.erase("rope_parameters");
  config["token2wav_config"]["bigvgan_config"]["use_bias_at_final"] = false;
  BOOST_TEST(read(config).refused == "");
}

BOOST_AUTO_TEST_CASE(tensors_that_are_missing_or_not_used_are_refused_by_name) {
  const Copy missing;
  missing.replace("model.safetensors", "code2wav_dit_model.proj_out.bias\"",
                  "code2wav_dit_model.proj_out.blur\"");
  BOOST_TEST(has(missing.open(), "token2wav.code2wav_dit_model.proj_out.b"));
  // Those of filters are computed.
  const Copy other;
  json config = usual();
  config["token2wav_config"]["dit_config"]["num_embeds"] = 41;
  BOOST_TEST(has(other.open(config), "codec_embed.weight': found [41, 12], expected [42, 12]"));
}

BOOST_AUTO_TEST_CASE(voices_that_are_missing_or_do_not_fit_are_refused_by_name) {
  const Copy missing;
  fs::remove(missing.copy.path / "speakers.safetensors");
  BOOST_TEST(has(missing.open(), "convert_speakers.py makes it of spk_dict.pt"));
  const Copy half;
  half.replace("speakers.safetensors", "Ethan.ref_mel\"", "Other.ref_mel\"");
  BOOST_TEST(has(half.open(), "tensor 'Ethan.ref_mel': expected it beside Ethan.cond"));
  const Copy wide;
  json config = usual();
  config["token2wav_config"]["dit_config"]["enc_emb_dim"] = 4;
  BOOST_TEST(has(wide.open(config), "expected shape [1, 4], found [1, 5]"));
  // A sample shorter than the borders that are mirrored.
  config = usual();
  config["token2wav_config"]["dit_config"]["enc_dilations"] = {1, 2, 3, 12, 1};
  BOOST_TEST(has(wide.open(config), "expected shape [1, 13 to 65536, 6], found [1, 11, 6]"));
}

BOOST_AUTO_TEST_CASE(a_published_vocoder_gives_240_samples_for_a_frame) {
  const VocoderShape shape{.bands = 80,
                           .channels = 1536,
                           .rates = {5, 3, 2, 2, 2, 2},
                           .kernels = {11, 7, 4, 4, 4, 4},
                           .unit_kernels = {3, 7, 11},
                           .dilations = {{1, 3, 5}, {1, 3, 5}, {1, 3, 5}}};
  BOOST_TEST(shape.samples_per_frame() == 240);
  BOOST_TEST(shape.samples(100) == 24000);
  BOOST_TEST(shape.context() < 60);
}

BOOST_AUTO_TEST_SUITE_END()
