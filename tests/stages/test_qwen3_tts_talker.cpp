// The talker of a small Qwen3-TTS gives the codes of qwen-tts (tests/oracle/make_tts_models.py),
// whatever else is in the batch, and says what it cannot speak.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "stages/models/model_file.hpp"
#include "stages/qwen3_tts_talker.hpp"
#include "stages/stage_factory.hpp"
#include "tests/stages/collected.hpp"
#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::stages;
using namespace limelight::tests;
using nlohmann::json;

namespace {

const std::filesystem::path tts_model = std::filesystem::path(FIXTURES) / "qwen3_tts";

struct TtsSpeaking {
  json expected = json::parse(read_file(tts_model / "expected.json"));
  std::unique_ptr<Device> device = make_cpu_device({.activations = Activations::float32});
  StageConfig config;
  std::unique_ptr<Stage> talker;
  TtsSpeaking() {
    config.model_stage = "talker";
    set_model(*ModelFile::open(tts_model, "talker"), config);
    config.sampling = config.model->sampling();
    auto made = make_stage(config, *device, nullptr);
    if (!made) BOOST_FAIL(made.error().message);
    talker = std::move(*made);
  }
  Request request(std::size_t number) const {
    const json& asked = expected[number]["request"];
    Request made{.number = number + 1, .id = "a", .prompt = asked["prompt"]};
    made.sampling = config.sampling;
    made.sampling.temperature = 0;
    made.sampling.max_tokens = asked["frames"].get<int>() + 1;
    made.sampling.speech = {.speaker = asked["speaker"],
                            .language = asked["language"],
                            .instructions = asked["instructions"],
                            .non_streaming_mode = asked["non_streaming_mode"]};
    return made;
  }
  std::vector<std::int32_t> wanted(std::size_t number) const {
    std::vector<std::int32_t> all;
    for (const json& frame : expected[number]["codes"])
      for (const json& code : frame) all.push_back(code);
    return all;
  }
  static std::vector<std::int32_t> codes(const Collected& out) {
    std::vector<std::int32_t> all;
    for (const auto& chunk : out.of(FrameTalker::codes_port)) {
      const auto* from = reinterpret_cast<const std::int32_t*>(chunk.data.data());
      all.insert(all.end(), from, from + chunk.data.size() / sizeof(std::int32_t));
    }
    return all;
  }
  std::string refusal(const Request& asked) const {
    const auto begun = talker->begin(asked);
    return begun ? "" : begun.error().message;
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(qwen3_tts_talker)

BOOST_AUTO_TEST_CASE(requests_in_one_batch_have_the_codes_of_the_reference) {
  const TtsSpeaking it;
  const std::size_t count = it.expected.size();
  std::vector<Collected> outs(count);
  std::vector<bool> done(count);
  for (std::size_t i = 0; i < count; ++i) BOOST_REQUIRE(it.talker->begin(it.request(i)).ok());
  while (std::find(done.begin(), done.end(), false) != done.end()) {
    std::vector<Turn> turns;
    for (std::size_t i = 0; i < count && turns.size() < 4; ++i) {
      if (done[i]) continue;
      const int tokens = std::min(it.talker->demand(i + 1).tokens, 7);
      if (!it.talker->reserve(i + 1, tokens)) continue;
      turns.push_back({.request = i + 1, .tokens = tokens, .output = &outs[i]});
    }
    BOOST_REQUIRE(it.talker->step(turns).ok());
    for (const Turn& turn : turns) {
      BOOST_REQUIRE(turn.error.code == ErrorCode::none);
      if (turn.state != StepState::done) continue;
      const std::size_t i = turn.request - 1;
      done[i] = true;
      const AnswerInfo answer = it.talker->answer(turn.request);
      BOOST_TEST(answer.output_tokens == it.expected[i]["codes"].size());
      BOOST_TEST(answer.prompt_tokens ==
                 it.expected[i]["ids"].size() + it.expected[i]["instructions"].size());
      const bool whole = it.expected[i]["codes"].size() == it.expected[i]["request"]["frames"];
      BOOST_TEST(answer.finish_reason == (whole ? "length" : "stop"));
      it.talker->end(turn.request);
    }
  }
  for (std::size_t i = 0; i < count; ++i)
    BOOST_TEST(TtsSpeaking::codes(outs[i]) == it.wanted(i), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(sampled_codes_hang_on_the_seed_alone) {
  const TtsSpeaking it;
  std::vector<std::vector<std::int32_t>> all;
  for (const std::uint64_t seed : {1, 1, 2}) {
    Request asked = it.request(0);
    asked.sampling.temperature = 0.9f;
    asked.sampling.seed = seed;
    BOOST_REQUIRE(it.talker->begin(asked).ok());
    Collected out;
    while (*step_one(*it.talker, 1, out) != StepState::done) {}
    it.talker->end(1);
    all.push_back(TtsSpeaking::codes(out));
  }
  BOOST_TEST((all[0] == all[1]));
  BOOST_TEST((all[0] != all[2]));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_spoken_is_refused) {
  const TtsSpeaking it;
  const auto found = [](const std::string& text, const char* part) {
    BOOST_TEST(text.find(part) != std::string::npos, text);
  };
  Request asked = it.request(0);
  asked.sampling.speech.speaker = "nobody";
  found(it.refusal(asked), "speaker: found 'nobody', expected one of aiden, eric, vivian");
  asked = it.request(0);
  asked.sampling.speech.language = "latin";
  found(it.refusal(asked), "expected one of auto, chinese, english, german");
  asked = it.request(0);
  asked.prompt = "";
  found(it.refusal(asked), "the prompt is empty");
  asked.messages = {{.role = "user", .content = "a"}};
  found(it.refusal(asked), "it holds no conversation");
  asked = it.request(0);
  asked.prompt_token_ids = {1, 2, 3};
  found(it.refusal(asked), "no text to speak");
  asked.prompt_token_ids = {1 << 20};
  found(it.refusal(asked), "prompt_token_ids[0]: found 1048576");
  asked = it.request(0);
  for (int i = 0; i < 9; ++i) asked.prompt += asked.prompt;
  found(it.refusal(asked), "expected at most its max_model_len 512");
  StageConfig config = it.config;
  config.speaker = "nobody";
  found(make_stage(config, *it.device, nullptr).error().message,
        "'speaker': found 'nobody', expected one of");
}

BOOST_AUTO_TEST_SUITE_END()
