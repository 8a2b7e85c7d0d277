// Thinker and talker of a small Qwen3-Omni, beside what transformers computed with them
// (tests/oracle/make_omni_models.py, which makes others of any shape), and what is refused of one.
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <nlohmann/json.hpp>

#include "stages/models/code_predictor.hpp"
#include "stages/models/talker_inputs.hpp"
#include "stages/models/text_model.hpp"
#include "tests/stages/models/fixtures.hpp"
#include "tests/stages/models/key_walk.hpp"
#include "tests/support.hpp"

using namespace limelight::stages;
using namespace limelight::tests;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {

const fs::path folder = fixtures / "qwen3_omni_moe";

json expected() { return json::parse(read_file(folder / "expected.json")); }

struct Part {
  StageConfig config;
  std::unique_ptr<Device> device = make_cpu_device({.activations = Activations::float32});
  std::unique_ptr<FileWeights> weights;
  std::unique_ptr<TextModel> network;
  const Qwen3Omni& omni;
  explicit Part(const char* part)
      : omni([&]() -> const Qwen3Omni& {
          auto file = ModelFile::open(folder, part);
          if (!file) BOOST_FAIL(file.error().message);
          set_model(*file, config);
          return *config.model->omni();
        }()) {
    weights = std::make_unique<FileWeights>(config.model);
    network = std::make_unique<TextModel>(config, *weights, *device, nullptr);
  }
  std::size_t hidden() const { return static_cast<std::size_t>(config.shape.hidden); }
  // The states after all layers of the last row, and its logits behind them.
  std::vector<std::vector<float>> last(std::vector<float> x) const {
    std::vector<int> all;
    for (int layer = 0; layer <= config.shape.layers; ++layer) all.push_back(layer);
    KvCache cache = network->decoder().make_cache(1, all);
    KvCache::Sequence sequence;
    const int rows = static_cast<int>(x.size() / hidden());
    const Decoder::Part part{&sequence, rows, {}};
    BOOST_REQUIRE(network->decoder().forward(x, {&part, 1}, cache).ok());
    std::vector<std::vector<float>> made;
    for (std::size_t i = 0; i < all.size(); ++i)
      network->decoder().read_states(sequence, rows - 1, cache, i, made.emplace_back(hidden()));
    made.emplace_back(static_cast<std::size_t>(config.shape.vocab));
    network->logits(std::span(x).last(hidden()), made.back());
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

BOOST_AUTO_TEST_SUITE(qwen3_omni)

BOOST_AUTO_TEST_CASE(every_key_of_the_classes_is_obeyed_refused_or_known_to_change_nothing) {
  // Another reader's; of videos and of prompts; what the prompt or another key says; the talker has
  // experts in each layer.
  walk_keys(fixtures / "qwen3_omni_moe/config.json", {"thinker", "talker"},
            {"/code2wav_config", "im_end_token_id", "system_token_id", "audio_start_token_id",
             "position_id_per_seconds", "vision_start_token_id", "/talker_config/audio_token_id",
             "/talker_config/image_token_id", "/talker_config/video_token_id",
             "/thinker_config/user_token_id", "/talker_config/code_predictor_config/eos_token_id",
             "/talker_config/code_predictor_config/max_window_layers",
             "/talker_config/text_config/decoder_sparse_step",
             "/talker_config/text_config/mlp_only_layers",
             "/talker_config/text_config/tie_word_embeddings"},
            [](const std::string& path) {
              return path.ends_with("thinker_config") || path.ends_with("talker_config") ||
                     path.ends_with("text_config") || path.ends_with("code_predictor_config");
            });
}

BOOST_AUTO_TEST_CASE(states_and_logits_of_the_thinker_are_those_of_an_independent_implementation) {
  const Part thinker("thinker");
  for (const json& prompt : expected()) {
    const auto ids = prompt["ids"].get<std::vector<int>>();
    std::vector<float> x(ids.size() * thinker.hidden());
    for (std::size_t i = 0; i < ids.size(); ++i)
      thinker.network->embed(ids[i], std::span(x).subspan(i * thinker.hidden(), thinker.hidden()));
    const auto made = thinker.last(x);
    BOOST_REQUIRE(made.size() == prompt["thinker.states"].size() + 1);
    for (std::size_t layer = 0; layer + 1 < made.size(); ++layer)
      close(made[layer], prompt["thinker.states"][layer]);
    close(made.back(), prompt["thinker.logits"]);
  }
}

// Three prompts have only text; the last one has tokens that stand for sound, at which the talker
// reads states of the thinker: those are tested with the stages.
BOOST_AUTO_TEST_CASE(what_the_talker_reads_and_makes_of_it_is_that_of_an_independent_one) {
  const Part talker("talker");
  const TalkerEmbedding embedding(talker.config, talker.omni, "ethan", *talker.weights,
                                  *talker.device);
  const json all = expected();
  for (std::size_t p = 0; p < 3; ++p) {
    TalkerInputs inputs(embedding);
    const auto ids = all[p]["ids"].get<std::vector<int>>(),
               answer = all[p]["answer"].get<std::vector<int>>();
    BOOST_REQUIRE(inputs.add_tokens(ids).ok());
    BOOST_TEST(!inputs.ready());
    BOOST_REQUIRE(inputs.add_tokens({answer.data(), 1}).ok());
    BOOST_REQUIRE(inputs.ready());
    BOOST_TEST(!inputs.has(0));
    const json& wanted = all[p]["talker.inputs"];
    BOOST_REQUIRE(static_cast<std::size_t>(inputs.beginning()) == wanted.size());
    const std::size_t h = talker.hidden();
    std::vector<float> x(wanted.size() * h);
    for (std::size_t row = 0; row < wanted.size(); ++row) {
      inputs.write(row, std::span(x).subspan(row * h, h));
      close(std::span(x).subspan(row * h, h), wanted[row]);
    }
    const auto made = talker.last(x);
    for (std::size_t layer = 0; layer + 1 < made.size(); ++layer)
      close(made[layer], all[p]["talker.states"][layer]);
  }
}

BOOST_AUTO_TEST_CASE(the_code_predictor_gives_the_codes_of_the_reference_for_many_frames_at_once) {
  Part talker("talker");
  talker.config.max_batch_size = 2;
  CodePredictor predictor(talker.config, talker.omni.predictor, *talker.weights, *talker.device);
  const json all = expected();
  std::vector<float> rows;
  std::vector<std::int32_t> wanted;
  for (std::size_t p = 0; p < 2; ++p) {
    const auto states = all[p]["talker.states"].back().get<std::vector<float>>();
    rows.insert(rows.end(), states.begin(), states.end());
    rows.resize(rows.size() + talker.hidden());
    const auto codes = all[p]["codes"][0].get<std::vector<std::int32_t>>();
    talker.network->embed(codes[0], std::span(rows).last(talker.hidden()));
    wanted.insert(wanted.end(), codes.begin() + 1, codes.end());
  }
  Sampler first(SamplingParams{}), second(SamplingParams{});
  Sampler* const samplers[] = {&first, &second};
  std::vector<std::int32_t> codes(wanted.size());
  std::vector<limelight::Error> errors(2, limelight::Error{limelight::ErrorCode::none, {}});
  BOOST_REQUIRE(predictor.predict(rows, samplers, codes, errors).ok());
  BOOST_TEST(codes == wanted, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_part_has_its_own_tensors_and_encoders_are_not_loaded) {
  const auto thinker = *ModelFile::open(folder), talker = *ModelFile::open(folder, "talker");
  for (const char* name : {"embed_tokens", "lm_head", "layers.0.experts.0.up_proj"}) {
    BOOST_TEST(thinker->find(name) != nullptr);
    BOOST_TEST(talker->find(name) != nullptr);
  }
  BOOST_TEST(talker->find("predictor.head.0") != nullptr);
  BOOST_TEST(thinker->find("predictor.head.0") == nullptr);
  BOOST_TEST(thinker->find("layers.0.shared_expert.up_proj") == nullptr);
  BOOST_TEST(talker->find("layers.0.shared_expert.up_proj") != nullptr);
  BOOST_TEST(talker->sampling().top_k == 50);
  BOOST_TEST(talker->sampling().repetition_penalty == 1.05f);
  BOOST_TEST(refusal(folder, "singer").find("found no part 'singer'") != std::string::npos);
  BOOST_TEST(refusal(fixtures / "qwen2", "talker").find("a text model has no talker") !=
             std::string::npos);
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
  refused("/thinker_config/text_config/sliding_window", 8,
          "key 'thinker_config.text_config.sliding_window'");
  refused("/talker_config/text_config/novelty", 1, "key 'talker_config.text_config.novelty'");
  refused("/talker_config/code_predictor_config/layer_types",
          {"full_attention", "sliding_attention"}, "expected full_attention alone");
  refused("/talker_config/code_predictor_config/temperature", 0.5,
          "key 'talker_config.code_predictor_config.temperature'");
  refused("/talker_config/code_predictor_config/num_code_groups", 9, "as in talker_config");
  refused("/talker_config/code_predictor_config/hidden_size", 8, "as in talker_config");
  refused("/talker_config/accept_hidden_layer", 9, "no more than the thinker's 2 layers");
  refused("/talker_config/thinker_hidden_size", 8, "the hidden_size of thinker_config");
  refused("/talker_config/codec_eos_token_id", 1 << 20, "a token below vocab_size");
  refused("/talker_config/speaker_id", json::object(), "key 'talker_config.speaker_id'");
  refused("/assistant_token_id", 1 << 20, "key 'assistant_token_id'");
  // What version 4 of transformers wrote into every network's object changes nothing.
  json config = good;
  config["talker_config"]["code_predictor_config"]["temperature"] = 1.0;
  config["talker_config"]["text_config"]["top_k"] = 50;
  config["thinker_config"]["text_config"]["pruned_heads"] = json::object();
  // As the published config.json has it.
  json& text = config["thinker_config"]["text_config"];
  text["use_qk_norm"] = true;
  text["shared_expert_intermediate_size"] = 0;
  text["rope_theta"] = text["rope_parameters"]["rope_theta"];
  text["rope_scaling"] = {{"interleaved", true},
                          {"mrope_section", {2, 1, 1}},
                          {"rope_type", "default"},
                          {"type", "default"}};
  text.erase("rope_parameters");
  std::ofstream(copy.path / "config.json") << config;
  BOOST_TEST(refusal(copy.path) == "");
  config["enable_audio_output"] = false;
  std::ofstream(copy.path / "config.json") << config;
  BOOST_TEST(refusal(copy.path) == "");
  BOOST_TEST(refusal(copy.path, "talker").find("this model has no talker") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_tensor_that_nothing_uses_is_refused_by_its_part) {
  const Folder copy;
  fs::copy(folder, copy.path, fs::copy_options::recursive | fs::copy_options::overwrite_existing);
  const std::string file = read_file(folder / "model.safetensors");
  // Other names of the same length keep the offsets as they are.
  const auto renamed = [&](const std::string& from, const std::string& to) {
    std::string text = file;
    text.replace(text.find(from), from.size(), to);
    std::ofstream(copy.path / "model.safetensors", std::ios::binary) << text;
  };
  renamed("thinker.model.norm.weight", "thinker.model.normweights");
  BOOST_TEST(refusal(copy.path).find("thinker.model.normweights") != std::string::npos);
  renamed("talker.hidden_projection.linear_fc1.bias", "talker.hidden_projection.linear_fc9.bias");
  BOOST_TEST(refusal(copy.path) == "");
  BOOST_TEST(refusal(copy.path, "talker").find("linear_fc9") != std::string::npos);
  renamed("talker.code_predictor.lm_head.0.weight", "talker.code_predictor.lm_head.9.weight");
  BOOST_TEST(refusal(copy.path, "talker").find("lm_head.9") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
