// A real thinker feeds a real talker of a small Qwen2.5-Omni: the codes are those of transformers
// (tests/oracle/make_qwen25_models.py), however tokens and states come and whatever else is in the
// batch.
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "stages/models/model_file.hpp"
#include "stages/qwen2_5_omni_talker.hpp"
#include "stages/stage_factory.hpp"
#include "stages/thinker.hpp"
#include "tests/stages/collected.hpp"
#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::stages;
using namespace limelight::tests;
using nlohmann::json;

namespace {

const std::filesystem::path folder = std::filesystem::path(FIXTURES) / "qwen2_5_omni";
using Codes = std::vector<std::int32_t>;

struct Speaking {
  json expected = json::parse(read_file(folder / "expected.json"));
  std::unique_ptr<Device> device = make_cpu_device({.activations = Activations::float32});
  std::unique_ptr<Stage> thinker, talker;
  Speaking() {
    thinker = make("thinker");
    talker = make("talker");
  }
  std::unique_ptr<Stage> make(const char* part) {
    StageConfig config;
    config.model_stage = part;
    config.speaker = "Ethan";
    config.codec.chunk_frames = 8;
    set_model(*ModelFile::open(folder, part), config);
    auto made = make_stage(config, *device, nullptr);
    if (!made) BOOST_FAIL(made.error().message);
    return std::move(*made);
  }
  // What the thinker says to the talker of a prompt.
  Collected think(std::size_t prompt, int slice = 1 << 20) {
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
    return out;
  }
  void begin(std::uint64_t number, SamplingParams sampling = greedy()) {
    BOOST_REQUIRE(
        talker->begin({.number = number, .id = "b", .prompt = {}, .sampling = sampling}).ok());
  }
  static SamplingParams greedy() {
    SamplingParams params = (*ModelFile::open(folder, "talker"))->sampling();
    params.temperature = 0;
    params.max_tokens = 20;
    return params;
  }
  Result<void> give(std::uint64_t number, int input, const Collected::Chunk& chunk) {
    return talker->consume(number, input, chunk.tensor, chunk.data, chunk.last);
  }
  void give(std::uint64_t number, const Collected& thought) {
    for (const auto& chunk : thought.of(Thinker::hidden_port))
      BOOST_REQUIRE(give(number, Qwen25OmniTalker::hidden_port, chunk).ok());
    for (const auto& chunk : thought.of(Thinker::tokens_port))
      BOOST_REQUIRE(give(number, Qwen25OmniTalker::tokens_port, chunk).ok());
  }
  Codes wanted(std::size_t prompt) const { return expected[prompt]["codes"].get<Codes>(); }
  static Codes codes(const Collected& out) {
    Codes all;
    for (const auto& chunk : out.of(Qwen25OmniTalker::codes_port)) {
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

BOOST_FIXTURE_TEST_SUITE(qwen2_5_omni_talker, Speaking)

BOOST_AUTO_TEST_CASE(codes_are_those_of_an_independent_implementation) {
  for (std::size_t prompt = 0; prompt < expected.size(); ++prompt) {
    Collected out;
    begin(1);
    give(1, think(prompt));
    BOOST_TEST(speak(1, out));
    BOOST_TEST(codes(out) == wanted(prompt), boost::test_tools::per_element());
    BOOST_TEST(talker->tokens_out(1) == wanted(prompt).size());
    BOOST_TEST(out.of(0).back().last);
    for (const auto& chunk : out.of(0)) BOOST_TEST(chunk.tensor.shape[0] <= 8u);
    talker->end(1);
  }
}

BOOST_AUTO_TEST_CASE(the_talker_speaks_while_the_thinker_thinks_and_says_the_same) {
  const std::size_t prompt = 2;
  const Collected thought = think(prompt, 5);
  const auto &states = thought.of(Thinker::hidden_port), &tokens = thought.of(Thinker::tokens_port);
  Collected out;
  begin(1);
  bool done = false;
  std::size_t waits = 0;
  for (std::size_t i = 0; i < std::max(states.size(), tokens.size()); ++i) {
    if (i < tokens.size()) BOOST_REQUIRE(give(1, Qwen25OmniTalker::tokens_port, tokens[i]).ok());
    if (i < states.size()) BOOST_REQUIRE(give(1, Qwen25OmniTalker::hidden_port, states[i]).ok());
    done = done || speak(1, out);
    if (!done) ++waits;
  }
  BOOST_TEST(done);
  BOOST_TEST(waits > 10u);
  BOOST_TEST(codes(out) == wanted(prompt), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(requests_that_are_computed_together_give_what_each_gives_alone) {
  std::map<std::uint64_t, Collected> outputs;
  std::set<std::uint64_t> open{1, 2, 3};
  for (const std::uint64_t number : open) {
    begin(number);
    give(number, think(number - 1));
    outputs[number];
  }
  for (int step = 0; !open.empty(); ++step) {
    if (step == 9 && open.contains(2)) talker->preempt(2);  // all of its rows are computed again
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
  for (std::uint64_t number = 1; number <= 3; ++number)
    BOOST_TEST(codes(outputs[number]) == wanted(number - 1), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(with_a_temperature_a_seed_gives_one_sound_and_another_seed_another) {
  const Collected thought = think(0);
  const auto sound = [&](std::uint64_t seed) {
    SamplingParams params = greedy();
    params.temperature = 0.9f;
    params.seed = seed;
    params.ignore_eos = true;
    begin(1, params);
    give(1, thought);
    Collected out;
    BOOST_TEST(speak(1, out));
    talker->end(1);
    return codes(out);
  };
  const Codes first = sound(1);
  BOOST_TEST(first.size() == 20u);  // nothing but max_tokens ends it
  BOOST_TEST(first == sound(1), boost::test_tools::per_element());
  BOOST_TEST(first != sound(2));
}

BOOST_AUTO_TEST_CASE(an_answer_without_text_has_no_code) {
  Collected thought = think(0);
  for (const int port : {Thinker::tokens_port, Thinker::hidden_port}) {
    thought.ports[port].resize(1);  // nothing follows the prompt
    thought.ports[port].front().last = true;
  }
  begin(1);
  give(1, thought);
  Collected out;
  BOOST_TEST(speak(1, out));
  BOOST_REQUIRE(out.of(0).size() == 1u);
  BOOST_TEST(out.of(0)[0].last);
  BOOST_TEST(out.of(0)[0].tensor.shape[0] == 0u);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_spoken_is_refused) {
  begin(1);
  const std::vector<std::byte> bytes(12);
  const auto refused = [&](int input, const ipc::TensorSpec& tensor) {
    return talker->consume(1, input, tensor, bytes, false).error().message;
  };
  BOOST_TEST(
      refused(Qwen25OmniTalker::tokens_port, ipc::TensorSpec::of(ipc::DType::float32, {1, 3}))
          .find("expected int32 [n]") != std::string::npos);
  BOOST_TEST(
      refused(Qwen25OmniTalker::hidden_port, ipc::TensorSpec::of(ipc::DType::float32, {1, 3}))
          .find("expected float32 [n, ") != std::string::npos);
  StageConfig config;
  config.model_stage = "talker";
  config.speaker = "nobody";
  set_model(*ModelFile::open(folder, "talker"), config);
  const auto made = make_stage(config, *device, nullptr);
  BOOST_REQUIRE(!made.ok());
  BOOST_TEST(made.error().message.find("expected one of Chelsie, Ethan") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
