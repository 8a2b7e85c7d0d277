// What the talker of a small Qwen3-TTS reads, beside what qwen-tts computed
// (tests/oracle/make_tts_models.py, which makes others of any shape), and what is refused of one.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "stages/models/text_model.hpp"
#include "stages/models/tokenizer.hpp"
#include "stages/models/tts_inputs.hpp"
#include "tests/stages/models/fixtures.hpp"
#include "tests/stages/models/key_walk.hpp"
#include "tests/support.hpp"

using namespace limelight::stages;
using namespace limelight::tests;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

const fs::path tts_folder = fixtures / "qwen3_tts";

json tts_expected() { return json::parse(read_file(tts_folder / "expected.json")); }

SpeechParams speech_of(const json& request) {
  return {.speaker = request["speaker"],
          .language = request["language"],
          .instructions = request["instructions"],
          .non_streaming_mode = request["non_streaming_mode"]};
}

struct TtsPart {
  StageConfig config;
  std::unique_ptr<Device> device = make_cpu_device({.activations = Activations::float32});
  TtsPart() {
    auto file = ModelFile::open(tts_folder, "talker");
    if (!file) BOOST_FAIL(file.error().message);
    set_model(*file, config);
  }
};

void tts_close(std::span<const float> ours, const json& theirs) {
  BOOST_REQUIRE(ours.size() == theirs.size());
  float most = 0, apart = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    most = std::max(most, std::abs(theirs[i].get<float>()));
    apart = std::max(apart, std::abs(ours[i] - theirs[i].get<float>()));
  }
  BOOST_TEST(apart <= 1e-4f * most);
}

std::string tts_refusal(const fs::path& path) {
  const auto opened = ModelFile::open(path, "talker");
  return opened ? "" : opened.error().message;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(qwen3_tts)

BOOST_AUTO_TEST_CASE(tokens_rows_and_states_are_those_of_the_reference) {
  TtsPart part;
  FileWeights weights(part.config.model);
  const Qwen3Tts& tts = *part.config.model->tts();
  const TtsEmbedding embedding(part.config, tts, weights, *part.device);
  const TextModel network(part.config, weights, *part.device, nullptr);
  const auto tokenizer = *make_tokenizer(part.config.model->tokenizer());
  const auto h = static_cast<std::size_t>(part.config.shape.hidden);
  for (const json& one : tts_expected()) {
    const limelight::Message message{.role = "assistant", .content = one["request"]["prompt"]};
    const auto ids = *tokenizer->encode_messages({&message, 1});
    BOOST_TEST(ids == one["ids"].get<std::vector<int>>(), boost::test_tools::per_element());
    const SpeechParams speech = speech_of(one["request"]);
    const TtsInputs inputs(embedding, ids, one["instructions"].get<std::vector<int>>(),
                           *voice_of(tts, speech, ""), speech.non_streaming_mode);
    BOOST_REQUIRE(static_cast<std::size_t>(inputs.beginning()) == one["inputs"].size());
    std::vector<float> x(one["inputs"].size() * h);
    for (std::size_t i = 0; i < one["inputs"].size(); ++i) {
      inputs.write(i, std::span(x).subspan(i * h, h));
      tts_close(std::span(x).subspan(i * h, h), one["inputs"][i]);
    }
    std::vector<int> all;
    for (int layer = 0; layer <= part.config.shape.layers; ++layer) all.push_back(layer);
    KvCache cache = network.decoder().make_cache(1, all);
    KvCache::Sequence sequence;
    const Decoder::Part rows{&sequence, inputs.beginning(), {}};
    BOOST_REQUIRE(network.decoder().forward(x, {&rows, 1}, cache).ok());
    std::vector<float> state(h);
    for (std::size_t i = 0; i < all.size(); ++i) {
      network.decoder().read_states(sequence, inputs.beginning() - 1, cache, i, state);
      tts_close(state, one["states"][i]);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_voice_is_one_that_the_model_has) {
  const TtsPart part;
  const Qwen3Tts& tts = *part.config.model->tts();
  const auto said = [](const Qwen3Tts& of, const SpeechParams& speech) {
    const auto voice = voice_of(of, speech, "vivian");
    return voice ? std::string() : voice.error().message;
  };
  BOOST_TEST(said(tts, {}) == "");
  BOOST_TEST(said(tts, {.speaker = "nobody"}) ==
             "speaker: found 'nobody', expected one of aiden, eric, vivian");
  // A dialect is a speaker's own.
  for (const char* language : {"klingon", "sichuan_dialect"})
    BOOST_TEST(said(tts, {.language = language}) ==
               std::string("language: found '") + language +
                   "', expected one of auto, chinese, english, german");
  const int dialect = tts.languages.at("sichuan_dialect");
  for (const char* language : {"", "Auto", "CHINESE"})
    BOOST_TEST(voice_of(tts, {.speaker = "Eric", .language = language}, "")->language == dialect);
  BOOST_TEST(voice_of(tts, {.speaker = "eric", .language = "english"}, "")->language ==
             tts.languages.at("english"));
  BOOST_TEST(voice_of(tts, {.speaker = "vivian"}, "")->language == -1);
  Qwen3Tts other = tts;
  other.takes_instructions = false;
  BOOST_TEST(said(other, {.instructions = "softly"}).find("reads none") != std::string::npos);
  other.has_speakers = false;
  BOOST_TEST(said(other, {.speaker = "eric"}).find("has no speakers") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(every_key_of_the_classes_is_obeyed_refused_or_known_to_change_nothing) {
  walk_keys(
      tts_folder / "config.json", {"talker"},
      {"im_start_token_id", "im_end_token_id", "assistant_token_id", "position_id_per_seconds",
       "tts_model_size", "/speaker_encoder_config", "/tie_word_embeddings", "/eos_token_id",
       // Of windows that are not used here.
       "max_window_layers", "/talker_config/code_predictor_config/use_sliding_window",
       "/talker_config/code_predictor_config/sliding_window",
       "/talker_config/code_predictor_config/eos_token_id"},
      [](const std::string& path) {
        return path.ends_with("talker_config") || path.ends_with("code_predictor_config");
      });
}

BOOST_AUTO_TEST_CASE(keys_of_config_json_are_obeyed_or_refused_by_name) {
  const Folder copy;
  fs::copy(tts_folder, copy.path,
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  const json good = json::parse(read_file(tts_folder / "config.json"));
  const auto refused = [&](const char* pointer, const json& value, const std::string& text) {
    json config = good;
    config[json::json_pointer(pointer)] = value;
    std::ofstream(copy.path / "config.json") << config;
    const std::string said = tts_refusal(copy.path);
    BOOST_TEST(said.find(text) != std::string::npos, pointer << ": " << said);
  };
  refused("/novelty", 1, "key 'novelty'");
  refused("/tts_model_type", "base", "a voice cannot be cloned from a sound here");
  refused("/tokenizer_type", "qwen3_tts_tokenizer_25hz", "expected qwen3_tts_tokenizer_12hz");
  refused("/tts_eos_token_id", 1 << 20, "key 'tts_eos_token_id': found 1048576");
  refused("/talker_config/novelty", 1, "key 'talker_config.novelty'");
  refused("/talker_config/temperature", 0.5, "key 'talker_config.temperature'");
  refused("/talker_config/tie_word_embeddings", true, "codec_head has weights of its own");
  refused("/talker_config/codec_think_id", 1 << 20, "key 'talker_config.codec_think_id'");
  refused("/talker_config/rope_scaling", nullptr, "an object with mrope_section and interleaved");
  json talker = good["talker_config"], predictor = talker["code_predictor_config"];
  talker.update({{"use_sliding_window", true}, {"sliding_window", 1}});
  refused("/talker_config", talker, "key 'talker_config.sliding_window': found 1, expected 2");
  predictor.update({{"use_sliding_window", true}, {"sliding_window", 1}, {"max_window_layers", 0}});
  predictor.erase("layer_types");
  refused("/talker_config/code_predictor_config", predictor,
          "key 'talker_config.code_predictor_config.sliding_window': found 1, expected 2");
  for (const char* at : {"/talker_config", "/talker_config/code_predictor_config"})
    refused((std::string(at) + "/rope_parameters").c_str(), {{"rope_theta", 50.0}},
            "expected none: the reference reads rope_theta and rope_scaling alone");
  refused("/talker_config/rope_scaling/type", "linear", "the same as type and as rope_type");
  refused("/talker_config/code_predictor_config/rope_scaling", 3,
          "key 'talker_config.code_predictor_config.rope_scaling': found 3, expected an object");
  refused("/talker_config/spk_id", {{"Ann", 40}}, "names in lower case");
  refused("/talker_config/spk_id", json::object(), "a speaker or more");
  refused("/talker_config/spk_is_dialect/eric", "bavarian", "for speaker 'eric'");
  refused("/talker_config/code_predictor_config/num_code_groups", 9, "as in talker_config");
  refused("/talker_config/code_predictor_config/hidden_size", 24, "small_to_mtp_projection");
  // What the class has where the file says nothing.
  json config = good;
  config["talker_config"].erase("rms_norm_eps");
  config["talker_config"]["code_predictor_config"].erase("tie_word_embeddings");
  std::ofstream(copy.path / "config.json") << config;
  BOOST_TEST(tts_refusal(copy.path) == "");
}

BOOST_AUTO_TEST_CASE(sampling_is_that_of_generation_config_json) {
  const Folder copy;
  fs::copy(tts_folder, copy.path,
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  const auto with = [&](const json& generation) {
    std::ofstream(copy.path / "generation_config.json") << generation;
    return ModelFile::open(copy.path, "talker");
  };
  const auto usual = with(json::object());
  BOOST_TEST((*usual)->sampling().temperature == 0.9f);
  BOOST_TEST((*usual)->sampling().repetition_penalty == 1.05f);
  BOOST_TEST(*(*usual)->sampling().max_tokens == 2048);
  BOOST_TEST((*usual)->tts()->subtalker.top_k == 50);
  const auto stated = with({{"temperature", 0.5}, {"subtalker_top_p", 0.7}, {"top_k", 3}});
  BOOST_TEST((*stated)->sampling().temperature == 0.5f);
  BOOST_TEST((*stated)->sampling().top_k == 3);
  BOOST_TEST((*stated)->tts()->subtalker.top_p == 0.7f);
  const auto greedy = with({{"do_sample", false}, {"subtalker_dosample", false}});
  BOOST_TEST((*greedy)->sampling().temperature == 0);
  BOOST_TEST(with({{"do_sample", false}}).error().message.find("all codes of a frame") !=
             std::string::npos);
  BOOST_TEST(with({{"novelty", 1}}).error().message.find("key 'novelty'") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_tokenizer_of_vocab_json_and_merges_is_of_a_class_that_is_known) {
  const Folder copy;
  fs::copy(tts_folder, copy.path,
           fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  const json good = json::parse(read_file(tts_folder / "tokenizer_config.json"));
  const auto refused = [&](const json& changes, const std::string& text) {
    json config = good;
    config.update(changes);
    std::ofstream(copy.path / "tokenizer_config.json") << config;
    BOOST_TEST(tts_refusal(copy.path).find(text) != std::string::npos, tts_refusal(copy.path));
  };
  refused({{"tokenizer_class", "GPT2Tokenizer"}}, "expected \"Qwen2Tokenizer\"");
  refused({{"add_prefix_space", true}}, "key 'add_prefix_space'");
  refused({{"added_tokens_decoder", {{"x", 1}}}}, "expected tokens by their ids");
  std::ofstream(copy.path / "tokenizer_config.json") << good;
  std::ofstream(copy.path / "merges.txt") << "#version: 0.2\na b c\n";
  BOOST_TEST(tts_refusal(copy.path).find("found the line 'a b c'") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
