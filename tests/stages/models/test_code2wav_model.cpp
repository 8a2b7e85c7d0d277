// What config.json and the tensors of a code2wav may be.
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <fstream>
#include <nlohmann/json.hpp>

#include "stages/models/code2wav_model.hpp"
#include "tests/stages/models/fixtures.hpp"
#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::stages;
using nlohmann::json;

namespace {

namespace fs = std::filesystem;

struct ChangedModel {
  tests::Folder folder;
  json config = json::parse(std::ifstream(tests::fixtures / "code2wav/config.json"));
  std::string bytes;

  ChangedModel() {
    std::ifstream in(tests::fixtures / "code2wav/model.safetensors", std::ios::binary);
    bytes.assign(std::istreambuf_iterator<char>(in), {});
  }
  json& codec() { return config["code2wav_config"]; }
  // "" if it can be opened.
  std::string open() {
    std::ofstream(folder.path / "config.json") << config;
    std::ofstream(folder.path / "model.safetensors", std::ios::binary) << bytes;
    const auto opened = Code2WavModel::open(folder.path);
    return opened ? "" : opened.error().message;
  }
  // Changes the header; the data stay.
  void change_header(const std::function<void(json&)>& change) {
    std::uint64_t size = 0;
    std::memcpy(&size, bytes.data(), 8);
    json header = json::parse(bytes.substr(8, size));
    change(header);
    const std::string text = header.dump();
    const std::uint64_t changed = text.size();
    bytes = std::string(reinterpret_cast<const char*>(&changed), 8)
                .append(text)
                .append(bytes.substr(8 + size));
  }
};

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_code2wav_has_the_samples_of_the_reference) {
  Code2WavShape published;
  published.ratios = {2, 2};
  published.rates = {8, 5, 4, 3};
  published.looks_ahead = true;
  BOOST_TEST(published.samples_per_frame() == 1920);
  // A whole waveform of T frames has T * 1920 - 555 samples.
  BOOST_TEST(published.missing_samples() == 555);
  BOOST_TEST(ChangedModel().open() == "");
}

BOOST_AUTO_TEST_CASE(numbers_of_a_code2wav_that_cannot_be_are_refused_by_name) {
  const std::vector<std::pair<const char*, std::vector<json>>> wrong{
      {"num_hidden_layers", {0, -1, 1 << 20, "two", 2.5, nullptr}},
      {"hidden_size", {0, -24, 2'000'000'000, 4'000'000'000u}},
      {"num_attention_heads", {0, 100'000}},
      {"num_key_value_heads", {0, 3}},
      {"intermediate_size", {0, -1, 1 << 30}},
      {"num_quantizers", {0, 100'000}},
      {"codebook_size", {0, -1, 1 << 30}},
      {"sliding_window", {0, -1, 1 << 30}},
      {"max_position_embeddings", {0, -1}},
      {"decoder_dim", {0, 3, 1 << 30}},
      {"rms_norm_eps", {-1, "small"}},
      {"hidden_act", {"relu"}},
      {"upsample_rates",
       {json::array({0, 2}), json::array({-3, 2}), json::array({1 << 20}), json::array({2.5}),
        json::array({64, 64, 64, 64}), json::array({1, 1, 1, 1, 1, 1, 1, 1, 1}), 3}},
      {"upsampling_ratios", {json::array({0}), json::array({"2"}), "2"}},
      {"rope_parameters",
       {json{{"rope_type", "yarn"}, {"factor", 2}}, json{{"rope_theta", 0}}, "default"}},
      {"layer_types",
       {json::array({"sliding_attention"}), json::array({"full_attention", "full_attention"})}},
      {"some_new_key", {1}}};
  for (const auto& [key, values] : wrong)
    for (const json& value : values) {
      ChangedModel model;
      model.codec()[key] = value;
      if (value.is_null()) {  // counts as not there: the default does not fit the tensors
        BOOST_TEST(has(model.open(), "tensor"), key);
        continue;
      }
      const std::string said = model.open();
      BOOST_TEST(has(said, std::string("code2wav_config.") + key), key << ": " << said);
    }
  ChangedModel other;
  other.config["model_type"] = "llama";
  BOOST_TEST(has(other.open(), "expected qwen3_omni_moe"));
  ChangedModel none;
  none.config.erase("code2wav_config");
  BOOST_TEST(has(none.open(), "'code2wav_config': found nothing"));
}

BOOST_AUTO_TEST_CASE(keys_of_a_published_code2wav_that_change_nothing_are_accepted) {
  ChangedModel model;
  model.codec().update({{"codebook_dim", 512},
                        {"num_semantic_quantizers", 1},
                        {"semantic_codebook_size", 4096},
                        {"vector_quantization_hidden_dimension", 512},
                        {"torch_dtype", "bfloat16"}});
  model.codec().erase("rope_parameters");
  model.codec()["rope_theta"] = 10000;
  BOOST_TEST(model.open() == "");
}

BOOST_AUTO_TEST_CASE(the_decoder_of_qwen3_tts_is_found_in_its_folder_with_the_same_strictness) {
  const fs::path fixture = tests::fixtures / "code2wav-tts";
  const tests::Folder folder;
  fs::create_directories(folder.path / "speech_tokenizer");
  fs::copy(fixture / "model.safetensors", folder.path / "speech_tokenizer/model.safetensors");
  const auto open = [&](const std::function<void(json&)>& change) {
    json config = json::parse(std::ifstream(fixture / "config.json"));
    change(config);
    std::ofstream(folder.path / "speech_tokenizer/config.json") << config;
    const auto opened = Code2WavModel::open(folder.path);
    return opened ? std::string() : opened.error().message;
  };
  BOOST_TEST(open([](json&) {}) == "");
  BOOST_TEST(has(open([](json& c) { c["decoder_config"]["novelty"] = 1; }),
                 "key 'decoder_config.novelty'"));
  BOOST_TEST(has(open([](json& c) { c["novelty"] = 1; }), "key 'novelty'"));
  BOOST_TEST(has(open([](json& c) { c["decoder_config"].erase("codebook_dim"); }),
                 "key 'decoder_config.codebook_dim': found nothing"));
  BOOST_TEST(
      has(open([](json& c) { c["decode_upsample_rate"] = 1920; }), "the product of the rates"));
  BOOST_TEST(has(open([](json& c) { c["output_sample_rate"] = 16000; }), "expected 24000"));
  BOOST_TEST(has(open([](json& c) { c["decoder_config"]["latent_dim"] = 24; }),
                 "tensor 'decoder.pre_conv.conv.weight'"));
}

BOOST_AUTO_TEST_CASE(tensors_of_a_code2wav_that_do_not_fit_are_refused_by_name) {
  ChangedModel more;
  more.change_header([](json& header) {
    header["code2wav.decoder.9.conv.weight"] = header["code2wav.decoder.0.conv.weight"];
    header.erase("code2wav.decoder.0.conv.weight");
  });
  BOOST_TEST(has(more.open(), "found no tensor 'code2wav.decoder.0.conv.weight'"));
  ChangedModel unread;
  unread.change_header([](json& header) {
    header["code2wav.bias"] = {{"dtype", "F32"}, {"shape", {0}}, {"data_offsets", {0, 0}}};
  });
  BOOST_TEST(has(unread.open(), "found tensor 'code2wav.bias', expected none"));
  ChangedModel turned;
  turned.change_header([](json& header) {
    header["code2wav.decoder.1.block.1.conv.weight"]["shape"] = {12, 24, 6};
  });
  BOOST_TEST(has(turned.open(), "found [12, 24, 6], expected [24, 12, 6]"));
  ChangedModel typed;
  typed.change_header([](json& header) { header["code2wav.decoder.3.alpha"]["dtype"] = "I32"; });
  BOOST_TEST(has(typed.open(), "'code2wav.decoder.3.alpha': found dtype I32"));
  ChangedModel beyond;
  beyond.change_header([](json& header) {
    header["code2wav.decoder.3.alpha"]["data_offsets"] = {1ull << 60, (1ull << 60) + 12};
  });
  BOOST_TEST(has(beyond.open(), "expected at most the"));
  // Those of other parts are theirs.
  ChangedModel others;
  others.change_header([](json& header) {
    header["talker.x"] = {{"dtype", "U8"}, {"shape", {0}}, {"data_offsets", {0, 0}}};
  });
  BOOST_TEST(others.open() == "");
  ChangedModel cut;
  cut.bytes.resize(100);
  BOOST_TEST(has(cut.open(), "offset 0: found a header of"));
}
