// Thinker and talker of a small Qwen2.5-Omni, beside what transformers computed with them
// (tests/oracle/make_qwen25_models.py, which makes others of any shape), and what is refused of
// one.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <fstream>
#include <nlohmann/json.hpp>

#include "stages/models/qwen2_5_talker_inputs.hpp"
#include "stages/models/text_model.hpp"
#include "tests/stages/models/fixtures.hpp"
#include "tests/stages/models/key_walk.hpp"
#include "tests/support.hpp"

using namespace limelight::stages;
using namespace limelight::tests;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

const fs::path folder = fixtures / "qwen2_5_omni";

json expected() { return json::parse(read_file(folder / "expected.json")); }

struct Part {
  StageConfig config;
  std::unique_ptr<Device> device = make_cpu_device({.activations = Activations::float32});
  std::unique_ptr<FileWeights> weights;
  explicit Part(const char* part) {
    auto file = ModelFile::open(folder, part);
    if (!file) BOOST_FAIL(file.error().message);
    set_model(*file, config);
    weights = std::make_unique<FileWeights>(config.model);
  }
  const Qwen25Omni& omni() const { return *config.model->qwen2_5_omni(); }
  std::size_t hidden() const { return static_cast<std::size_t>(config.shape.hidden); }
  // The states after all layers: of the rows from `from` on. x becomes the last of them.
  std::vector<std::vector<float>> run(const Decoder& decoder,
                                      std::vector<float>& x,
                                      std::size_t from) const {
    std::vector<int> all;
    for (int layer = 0; layer <= config.shape.layers; ++layer) all.push_back(layer);
    KvCache cache = decoder.make_cache(1, all);
    KvCache::Sequence sequence;
    const std::size_t rows = x.size() / hidden();
    const Decoder::Part part{&sequence, static_cast<int>(rows), {}};
    BOOST_REQUIRE(decoder.forward(x, {&part, 1}, cache).ok());
    std::vector<std::vector<float>> made;
    for (std::size_t i = 0; i < all.size(); ++i)
      decoder.read_states(sequence, static_cast<int>(from), cache, i,
                          made.emplace_back((rows - from) * hidden()));
    return made;
  }
};

void close(std::span<const float> ours, const json& theirs) {
  BOOST_REQUIRE(ours.size() == theirs.size());
  double largest = 0, most = 0;
  for (std::size_t i = 0; i < ours.size(); ++i) {
    largest = std::max(largest, std::abs(theirs[i].get<double>()));
    most = std::max(most, std::abs(static_cast<double>(ours[i]) - theirs[i].get<double>()));
  }
  BOOST_TEST(most < 1e-4 * largest);
}

std::string refusal(const fs::path& path, const char* part = "thinker") {
  const auto opened = ModelFile::open(path, part);
  return opened ? "" : opened.error().message;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(qwen2_5_omni)

BOOST_AUTO_TEST_CASE(every_key_of_the_classes_is_obeyed_refused_or_known_to_change_nothing) {
  // Another reader's; of videos and of prompts; what the prompt or another key says; windows that
  // are not used here.
  walk_keys(
      fixtures / "qwen2_5_omni/config.json", {"thinker", "talker"},
      {"/token2wav_config", "audio_end_token_id", "audio_start_token_id", "vision_end_token_id",
       "vision_start_token_id", "position_id_per_seconds", "seconds_per_chunk", "user_token_id",
       "max_window_layers", "tts_text_start_token_id", "/talker_config/audio_token_index",
       "/talker_config/image_token_index", "/talker_config/video_token_index",
       "/talker_config/sliding_window", "/talker_config/use_sliding_window",
       "/thinker_config/text_config/tie_word_embeddings"},
      [](const std::string& path) {
        return path.ends_with("thinker_config") || path.ends_with("talker_config") ||
               path.ends_with("text_config") || path.ends_with("code_predictor_config");
      });
}

BOOST_AUTO_TEST_CASE(states_logits_and_what_the_talker_reads_are_those_of_an_independent_one) {
  const Part thinker("thinker"), talker("talker");
  const TextModel thought(thinker.config, *thinker.weights, *thinker.device, nullptr);
  const Decoder spoken(talker.config, *talker.weights, *talker.device, nullptr);
  const Qwen25TalkerEmbedding embedding(talker.config, talker.omni(), "Ethan", *talker.weights,
                                        *talker.device);
  const std::size_t h = thinker.hidden();
  for (const json& prompt : expected()) {
    auto tokens = prompt["ids"].get<std::vector<int>>();
    const std::size_t count = tokens.size();
    tokens.push_back(prompt["answer"][0]);
    std::vector<float> x(tokens.size() * h);
    for (std::size_t i = 0; i < tokens.size(); ++i)
      thought.embed(tokens[i], std::span(x).subspan(i * h, h));
    const auto states = thinker.run(thought.decoder(), x, 0);
    BOOST_REQUIRE(states.size() == prompt["thinker.states"].size());
    for (std::size_t layer = 0; layer < states.size(); ++layer)
      close(std::span(states[layer]).subspan((count - 1) * h, h), prompt["thinker.states"][layer]);
    std::vector<float> logits(static_cast<std::size_t>(thinker.config.shape.vocab));
    thought.logits(std::span(x).subspan((count - 1) * h, h), logits);
    close(logits, prompt["thinker.logits"]);

    Qwen25TalkerInputs inputs(embedding);
    inputs.add_states(std::span(x).first(h));  // before the tokens: they come in any order
    BOOST_REQUIRE(inputs.add_tokens(std::span(tokens).first(count)).ok());
    inputs.add_states(std::span(x).subspan(h));
    BOOST_TEST(!inputs.ready());
    BOOST_REQUIRE(inputs.add_tokens(std::span(tokens).subspan(count)).ok());
    BOOST_REQUIRE(inputs.ready());
    BOOST_TEST(!inputs.has(0));
    const json& wanted = prompt["talker.inputs"];
    BOOST_REQUIRE(static_cast<std::size_t>(inputs.beginning()) == wanted.size());
    std::vector<float> sums(wanted.size() * h);
    for (std::size_t row = 0; row < wanted.size(); ++row)
      inputs.write(row, std::span(sums).subspan(row * h, h));
    std::vector<float> y = embedding.project(sums);
    for (std::size_t row = 0; row < wanted.size(); ++row)
      close(std::span(y).subspan(row * talker.hidden(), talker.hidden()), wanted[row]);
    const auto made = talker.run(spoken, y, wanted.size() - 1);
    BOOST_REQUIRE(made.size() == prompt["talker.states"].size());
    for (std::size_t layer = 0; layer < made.size(); ++layer)
      close(made[layer], prompt["talker.states"][layer]);
  }
}

BOOST_AUTO_TEST_CASE(tokens_and_states_that_do_not_belong_together_are_refused) {
  const Part talker("talker");
  const Qwen25TalkerEmbedding embedding(talker.config, talker.omni(), "Ethan", *talker.weights,
                                        *talker.device);
  Qwen25TalkerInputs inputs(embedding);
  const int good[] = {1, 2}, bad[] = {1 << 20};
  BOOST_TEST(inputs.add_tokens(bad).error().message.find("found token 1048576, expected 0 to") !=
             std::string::npos);
  BOOST_REQUIRE(inputs.add_tokens(good).ok());
  inputs.add_states(std::vector<float>(3 * embedding.width()));
  BOOST_TEST(inputs.end().error().message.find("found 2 tokens and 3 states") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_part_has_its_own_tensors_and_what_is_not_loaded_is_known) {
  const auto thinker = *ModelFile::open(folder), talker = *ModelFile::open(folder, "talker");
  for (const char* name : {"embed_tokens", "lm_head", "layers.0.q_proj.bias"}) {
    BOOST_TEST(thinker->find(name) != nullptr);
    BOOST_TEST(talker->find(name) != nullptr);
  }
  BOOST_TEST(talker->find("input_projection") != nullptr);
  BOOST_TEST(thinker->find("input_projection") == nullptr);
  BOOST_TEST(talker->sampling().top_k == 40);
  BOOST_TEST(talker->sampling().top_p == 0.8f);
  BOOST_TEST(talker->sampling().repetition_penalty == 1.05f);
  BOOST_TEST(talker->qwen2_5_omni()->speakers.size() == 2u);
  BOOST_TEST(refusal(folder, "singer").find("found no part 'singer'") != std::string::npos);
  BOOST_TEST(refusal(folder, "code2wav").find("found no part 'code2wav'") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_changes_results_and_is_not_obeyed_is_refused_by_name) {
  const Folder copy;
  fs::copy(folder, copy.path, fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  const json good = json::parse(read_file(folder / "config.json"));
  const auto refused = [&](const char* pointer, const json& value, const std::string& text) {
    json config = good;
    config[json::json_pointer(pointer)] = value;
    std::ofstream(copy.path / "config.json") << config;
    for (const char* part : {"thinker", "talker"}) {
      const std::string said = refusal(copy.path, part);
      BOOST_TEST(said.find(text) != std::string::npos, pointer << ": " << said);
    }
  };
  refused("/novelty", 1, "key 'novelty'");
  refused("/thinker_config/novelty", 1, "key 'thinker_config.novelty'");
  refused("/thinker_config/text_config/novelty", 1, "key 'thinker_config.text_config.novelty'");
  refused("/talker_config/novelty", 1, "key 'talker_config.novelty'");
  refused("/talker_config/embedding_size", 12, "the hidden_size of thinker_config.text_config");
  refused("/talker_config/tie_word_embeddings", true, "embedding and head are two tensors");
  refused("/talker_config/tts_codec_end_token_id", 1 << 20, "a token below vocab_size");
  refused("/talker_config/tts_text_pad_token_id", 1 << 20, "of the thinker");
  // As the published config.json has it.
  json config = good;
  for (const char* pointer : {"/thinker_config/text_config", "/talker_config"}) {
    json& text = config[json::json_pointer(pointer)];
    text["rope_theta"] = text["rope_parameters"]["rope_theta"];
    text["rope_scaling"] = {
        {"mrope_section", {2, 1, 1}}, {"rope_type", "default"}, {"type", "default"}};
    text.erase("rope_parameters");
    text["init_std"] = 0.02;
  }
  config["enable_talker"] = true;
  config["thinker_config"]["ignore_index"] = -100;
  std::ofstream(copy.path / "config.json") << config;
  BOOST_TEST(refusal(copy.path) == "");
  BOOST_TEST(refusal(copy.path, "talker") == "");
  config["enable_audio_output"] = false;
  std::ofstream(copy.path / "config.json") << config;
  BOOST_TEST(refusal(copy.path) == "");
  BOOST_TEST(refusal(copy.path, "talker").find("this model has no talker") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_talker_needs_the_file_of_its_speakers_and_every_tensor) {
  const Folder copy;
  fs::copy(folder, copy.path, fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  const auto write = [&](const char* file, std::string text, const std::string& from,
                         const std::string& to) {
    text.replace(text.find(from), from.size(), to);  // the same length keeps the offsets
    std::ofstream(copy.path / file, std::ios::binary) << text;
  };
  const std::string model = read_file(folder / "model.safetensors");
  write("model.safetensors", model, "talker.thinker_to_talker_proj.bias",
        "talker.thinker_to_talker_proj.blur");
  BOOST_TEST(refusal(copy.path) == "");
  BOOST_TEST(refusal(copy.path, "talker").find("thinker_to_talker_proj.blur") != std::string::npos);
  fs::copy(folder / "model.safetensors", copy.path / "model.safetensors",
           fs::copy_options::overwrite_existing);
  // A sample of a voice is no token.
  const std::string speakers = read_file(folder / "speakers.safetensors");
  write("speakers.safetensors", speakers, "Ethan.ref_mel\"", "E.bos_token\"  ");
  BOOST_TEST(refusal(copy.path, "talker").find("tensor 'E.bos_token': expected one value") !=
             std::string::npos);
  fs::remove(copy.path / "speakers.safetensors");
  BOOST_TEST(refusal(copy.path) == "");
  BOOST_TEST(refusal(copy.path, "talker").find("convert_speakers.py makes it of spk_dict.pt") !=
             std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
