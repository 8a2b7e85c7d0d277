// A real thinker feeds a real talker of a small Qwen3-Omni: the codes are those of transformers
// (tests/oracle/make_omni_models.py), however tokens come and whatever else is in the batch.
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "stages/models/model_file.hpp"
#include "stages/qwen3_omni_talker.hpp"
#include "stages/stage_factory.hpp"
#include "stages/thinker.hpp"
#include "tests/stages/collected.hpp"
#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::stages;
using namespace limelight::tests;
using nlohmann::json;

namespace {

const std::filesystem::path qwen3_folder = std::filesystem::path(FIXTURES) / "qwen3_omni_moe";
using Codes = std::vector<std::int32_t>;

struct Qwen3Speaking {
  json expected = json::parse(read_file(qwen3_folder / "expected.json"));
  std::unique_ptr<Device> device = make_cpu_device({.activations = Activations::float32});
  std::unique_ptr<Stage> thinker, talker;
  Qwen3Speaking() {
    thinker = make("thinker");
    talker = make("talker");
  }
  std::unique_ptr<Stage> make(const char* part, int chunk_frames = 8) {
    StageConfig config;
    config.model_stage = part;
    config.codec.chunk_frames = chunk_frames;
    set_model(*ModelFile::open(qwen3_folder, part), config);
    auto made = make_stage(config, *device, nullptr);
    if (!made) BOOST_FAIL(made.error().message);
    return std::move(*made);
  }
  // What the thinker says to the talker of a prompt.
  std::vector<Collected::Chunk> think(std::size_t prompt, int slice = 1 << 20) {
    Request request{.number = 7, .id = "a", .prompt = {}};
    request.prompt_token_ids = expected[prompt]["ids"].get<std::vector<std::int32_t>>();
    request.sampling.max_tokens = static_cast<int>(expected[prompt]["answer"].size());
    BOOST_REQUIRE(thinker->begin(request).ok());
    Collected out;
    for (StepState state = StepState::more; state != StepState::done;) {
      const Demand demand = thinker->demand(7);
      Turn turn{.request = 7, .tokens = std::min(demand.tokens, slice), .output = &out};
      BOOST_REQUIRE(thinker->reserve(7, turn.tokens));
      BOOST_REQUIRE(thinker->step({&turn, 1}).ok());
      state = turn.state;
    }
    thinker->end(7);
    return out.of(Thinker::tokens_port);
  }
  void begin(std::uint64_t number, SamplingParams sampling = greedy()) {
    BOOST_REQUIRE(
        talker->begin({.number = number, .id = "b", .prompt = {}, .sampling = sampling}).ok());
  }
  static SamplingParams greedy() {
    SamplingParams params = (*ModelFile::open(qwen3_folder, "talker"))->sampling();
    params.temperature = 0;
    params.max_tokens = 21;  // 20 frames, as the last code is none
    return params;
  }
  Result<void> give(std::uint64_t number, const Collected::Chunk& chunk) {
    return talker->consume(number, 0, chunk.tensor, chunk.data, chunk.last);
  }
  Codes wanted(std::size_t prompt) const {
    Codes all;
    for (const json& frame : expected[prompt]["codes"])
      for (const json& code : frame) all.push_back(code);
    return all;
  }
  static Codes codes(const Collected& out) {
    Codes all;
    for (const auto& chunk : out.of(Qwen3OmniTalker::codes_port)) {
      const auto* from = reinterpret_cast<const std::int32_t*>(chunk.data.data());
      all.insert(all.end(), from, from + chunk.data.size() / sizeof(std::int32_t));
    }
    return all;
  }
  // Steps as long as there is something to do; true once the sound has ended.
  bool speak(std::uint64_t number, Collected& out) {
    for (;;) {
      const auto state = step_one(*talker, number, out);
      if (!state) BOOST_FAIL(state.error().message);
      if (*state != StepState::more) return *state == StepState::done;
    }
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(qwen3_omni_talker, Qwen3Speaking)

BOOST_AUTO_TEST_CASE(codes_are_those_of_an_independent_implementation) {
  for (std::size_t prompt = 0; prompt < expected.size(); ++prompt) {
    Collected out;
    begin(1);
    for (const auto& chunk : think(prompt)) BOOST_REQUIRE(give(1, chunk).ok());
    BOOST_TEST(speak(1, out));
    BOOST_TEST(codes(out) == wanted(prompt), boost::test_tools::per_element());
    BOOST_TEST(talker->tokens_out(1) == expected[prompt]["codes"].size());
    talker->end(1);
  }
}

BOOST_AUTO_TEST_CASE(the_talker_speaks_while_the_thinker_thinks_and_says_the_same) {
  const std::size_t prompt = 3;  // with states, which come in slices of the prompt
  Collected out;
  begin(1);
  std::size_t given = 0, waits = 0;
  bool done = false;
  for (const auto& chunk : think(prompt, 5)) {
    BOOST_REQUIRE(give(1, chunk).ok());
    ++given;
    done = done || speak(1, out);
    if (!done) ++waits;
  }
  BOOST_TEST(done);
  BOOST_TEST(waits > 10u);
  BOOST_TEST(codes(out) == wanted(prompt), boost::test_tools::per_element());
  for (const auto& chunk : out.of(0)) BOOST_TEST(chunk.tensor.shape[0] <= 8u);
  // The first has 4 frames, so that the sound begins early.
  BOOST_TEST(out.of(0).front().tensor.shape[0] == 4u);
  BOOST_TEST(out.of(0).size() == 4u);
  BOOST_TEST(out.of(0).back().last);
}

BOOST_AUTO_TEST_CASE(requests_that_are_computed_together_give_what_each_gives_alone) {
  std::map<std::uint64_t, Collected> outputs;
  for (std::uint64_t number = 1; number <= 4; ++number) {
    begin(number);
    for (const auto& chunk : think(number - 1)) BOOST_REQUIRE(give(number, chunk).ok());
    outputs[number];
  }
  std::set<std::uint64_t> open{1, 2, 3, 4};
  for (int step = 0; !open.empty(); ++step) {
    if (step == 9) talker->preempt(2);  // which then computes all of its rows again
    std::vector<Turn> batch;
    for (const std::uint64_t number : open) {
      const Demand demand = talker->demand(number);
      const int tokens = demand.divisible ? std::min(demand.tokens, 7) : demand.tokens;
      BOOST_REQUIRE(talker->reserve(number, tokens));
      batch.push_back({.request = number, .tokens = tokens, .output = &outputs[number]});
    }
    BOOST_REQUIRE(talker->step(batch).ok());
    for (const Turn& turn : batch) {
      BOOST_REQUIRE_MESSAGE(turn.error.code == ErrorCode::none, turn.error.message);
      if (turn.state == StepState::done) open.erase(turn.request);
    }
  }
  for (std::uint64_t number = 1; number <= 4; ++number)
    BOOST_TEST(codes(outputs[number]) == wanted(number - 1), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(with_a_temperature_a_seed_gives_one_sound_and_another_seed_another) {
  const auto chunks = think(0);
  const auto sound = [&](std::uint64_t seed) {
    SamplingParams params = greedy();
    params.temperature = 0.9f;
    params.seed = seed;
    begin(1, params);
    for (const auto& chunk : chunks) BOOST_REQUIRE(give(1, chunk).ok());
    Collected out;
    BOOST_TEST(speak(1, out));
    talker->end(1);
    return codes(out);
  };
  const Codes first = sound(1);
  BOOST_TEST(first == sound(1), boost::test_tools::per_element());
  BOOST_TEST(first != sound(2));
  BOOST_TEST(first != wanted(0));
}

BOOST_AUTO_TEST_CASE(states_that_were_found_in_the_cache_are_said_again) {
  const auto first = think(3), second = think(3);  // the second finds the blocks of the first
  BOOST_REQUIRE(first.size() == second.size());
  for (std::size_t i = 0; i < first.size(); ++i) BOOST_TEST((first[i].data == second[i].data));
}

BOOST_AUTO_TEST_CASE(an_answer_without_text_has_no_frame) {
  auto chunks = think(0);
  chunks.front().last = true;  // nothing follows the prompt
  begin(1);
  BOOST_REQUIRE(give(1, chunks.front()).ok());
  Collected out;
  BOOST_TEST(speak(1, out));
  BOOST_REQUIRE(out.of(0).size() == 1u);
  BOOST_TEST(out.of(0)[0].last);
  BOOST_TEST(out.of(0)[0].tensor.shape[0] == 0u);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_spoken_is_refused) {
  begin(1);
  const std::int32_t tokens[] = {20, 21, 22};
  const auto bytes = std::as_bytes(std::span(tokens));
  const auto refused =
      talker->consume(1, 0, ipc::TensorSpec::of(ipc::DType::int32, {3}), bytes, false);
  BOOST_REQUIRE(!refused.ok());
  BOOST_TEST(refused.error().message.find("without <|im_start|>assistant") != std::string::npos);
  const auto wrong =
      talker->consume(1, 0, ipc::TensorSpec::of(ipc::DType::float32, {3, 1}), bytes, false);
  BOOST_TEST(wrong.error().message.find("expected int32 [n] or [n, 2], or float32 [n, 16]") !=
             std::string::npos);
  StageConfig config;
  config.model_stage = "talker";
  config.speaker = "nobody";
  set_model(*ModelFile::open(qwen3_folder, "talker"), config);
  const auto made = make_stage(config, *device, nullptr);
  BOOST_REQUIRE(!made.ok());
  BOOST_TEST(made.error().message.find("expected one of chelsie, ethan") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
