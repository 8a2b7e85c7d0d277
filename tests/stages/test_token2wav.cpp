// The token2wav of a model from files as a stage, beside the reference.
#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "stages/stage_factory.hpp"
#include "stages/token2wav.hpp"
#include "tests/stages/collected.hpp"
#include "tests/stages/models/code2wav_fixture.hpp"
#include "tests/stages/models/token2wav_fixture.hpp"
#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::stages;
using limelight::tests::Collected;
using limelight::tests::Folder;
using limelight::tests::relative_difference;
using limelight::tests::Token2WavCase;
using limelight::tests::write_file;

namespace {

StageConfig config_of(const Token2WavCase& fixture, int chunk) {
  StageConfig config;
  config.model_stage = "code2wav";
  config.speaker = "Ethan";
  BOOST_REQUIRE(set_token2wav_model(fixture.folder, config).ok());
  config.chunks.codec_chunk_frames = chunk;
  return config;
}

struct Running {
  Token2WavCase fixture;
  std::unique_ptr<Device> cpu = make_cpu_device();
  std::unique_ptr<Stage> stage;
  explicit Running(int chunk = 5) {
    auto made = make_stage(config_of(fixture, chunk), *cpu, nullptr);
    if (!made) BOOST_FAIL(made.error().message);
    stage = std::move(made).value();
  }
  void begin(std::uint64_t request, std::uint64_t seed) const {
    Request one{.number = request, .id = "r", .prompt = {}};
    one.sampling.seed = seed;
    BOOST_REQUIRE(stage->begin(one).ok());
  }
  Result<void> send(std::uint64_t request, std::span<const std::int32_t> codes, bool last) const {
    return stage->consume(request, 0, ipc::TensorSpec::of(ipc::DType::int32, {codes.size(), 1}),
                          std::as_bytes(codes), last);
  }
  std::vector<float> finish(std::uint64_t request, Collected& out) const {
    StepState state = StepState::more;
    while (state == StepState::more) {
      const auto done = step_one(*stage, request, out);
      BOOST_REQUIRE(done.ok());
      state = *done;
    }
    BOOST_TEST((state == StepState::done));
    return out.samples();
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(token2wav_stage)

BOOST_AUTO_TEST_CASE(a_sound_is_that_of_the_reference_with_the_same_seed_however_codes_come) {
  std::vector<float> first;
  for (const std::size_t piece : {1, 4, 13})
    for (const int chunk : {5, 25}) {
      const Running running(chunk);
      const auto& codes = running.fixture.codes;
      running.begin(1, running.fixture.seed);
      for (std::size_t at = 0; at < codes.size(); at += piece) {
        BOOST_TEST(running.stage->demand(1).tokens == 0);  // it waits for all codes
        const auto some = std::span(codes).subspan(at, std::min(piece, codes.size() - at));
        BOOST_REQUIRE(running.send(1, some, at + piece >= codes.size()).ok());
      }
      Collected out;
      const std::vector<float> samples = running.finish(1, out);
      BOOST_TEST(relative_difference(samples, running.fixture.of("wave")) <=
                 running.fixture.limit("wave"));
      BOOST_TEST(out.of(0).size() == (chunk == 5 ? 3u : 1u));
      BOOST_TEST(out.of(0).back().last);
      BOOST_TEST(running.stage->tokens_out(1) == samples.size());
      if (first.empty()) first = samples;
      BOOST_TEST((samples == first));
      running.stage->end(1);
    }
}

BOOST_AUTO_TEST_CASE(requests_of_one_batch_have_their_own_seeds_and_lengths) {
  const Running running;
  const auto& codes = running.fixture.codes;
  const std::size_t lengths[] = {codes.size(), 4, codes.size()};
  const std::uint64_t seeds[] = {running.fixture.seed, running.fixture.seed, 7};
  Collected out[3];
  for (std::uint64_t request = 0; request < 3; ++request) {
    running.begin(request, seeds[request]);
    BOOST_REQUIRE(running.send(request, std::span(codes).first(lengths[request]), true).ok());
  }
  bool done[3]{};
  while (!done[0] || !done[1] || !done[2]) {
    std::vector<Turn> turns;
    for (std::uint64_t request = 0; request < 3; ++request)
      if (!done[request]) turns.push_back({.request = request, .output = &out[request]});
    BOOST_REQUIRE(running.stage->step(turns).ok());
    for (const Turn& turn : turns) done[turn.request] = turn.state == StepState::done;
  }
  BOOST_TEST(relative_difference(out[0].samples(), running.fixture.of("wave")) <=
             running.fixture.limit("wave"));
  BOOST_TEST(out[1].samples().size() == 4u * 2 * 10);
  BOOST_TEST(out[2].samples().size() == out[0].samples().size());
  BOOST_TEST((out[2].samples() != out[0].samples()));
}

BOOST_AUTO_TEST_CASE(an_answer_without_codes_has_no_sound) {
  const Running running;
  running.begin(1, 0);
  BOOST_REQUIRE(running.send(1, {}, true).ok());
  Collected out;
  BOOST_TEST(running.finish(1, out).empty());
  BOOST_TEST(out.of(0).back().last);
}

BOOST_AUTO_TEST_CASE(codes_that_cannot_be_are_refused_with_their_place) {
  const Running running;
  running.begin(1, 0);
  const auto refused = [&](std::int32_t code) {
    const std::int32_t codes[] = {1, code};
    return running.send(1, codes, false).error().message;
  };
  BOOST_TEST(refused(41) == "code2wav: code 1: found 41, expected 0 to 40");
  BOOST_TEST(refused(-1).find("found -1") != std::string::npos);
  const float floats[4]{};
  BOOST_TEST(running.stage
                 ->consume(1, 0, ipc::TensorSpec::of(ipc::DType::int32, {2, 2}),
                           std::as_bytes(std::span(floats)), false)
                 .error()
                 .message.find("expected int32 [codes, 1]") != std::string::npos);
  const std::vector<std::int32_t> many(2049);  // of 2 frames each, of 4096
  BOOST_TEST(running.send(1, many, true).error().message.find("at most max_model_len, 2048") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_config_names_the_model_and_who_speaks) {
  const Folder folder;
  const auto parsed = [&](const std::string& keys, const std::string& talker = "codebooks: 1") {
    return parse(write_file(folder.path / "a.yaml", R"(stage_args:
  - stage_id: 0
    engine_args: {model_stage: thinker, load_format: dummy}
  - stage_id: 1
    engine_args:
      model_stage: talker
      load_format: dummy
      model_shape: {input_hidden: 128, codebook_size: 16, )" +
                                                        talker + R"(}
    engine_input_source: [0]
  - stage_id: 2
    engine_args: {model_stage: code2wav, )" + keys + R"(}
    engine_input_source: [1]
    final_output: true
runtime:
  edges: [{from: 0, to: 1}, {from: 1, to: 2}]
)"));
  };
  const std::string model = std::string("model: ") + FIXTURES + "/token2wav";
  const auto good = parsed(model + ", codec_chunk_frames: 50");
  if (!good) BOOST_FAIL(good.error().message);
  BOOST_TEST((good->find(2)->token2wav != nullptr));
  BOOST_TEST(good->find(2)->shape.max_model_len == 2048);
  BOOST_TEST(max_output_bytes(*good->find(2), 0) == 50u * 2 * 10 * 4);
  const auto refused = [&](const std::string& keys, const std::string& talker = "codebooks: 1") {
    const auto found = parsed(keys, talker);
    return found ? std::string("accepted") : found.error().message;
  };
  const auto has = [](const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  };
  BOOST_TEST(has(refused(model + ", speaker: nobody"),
                 "key 'speaker': found 'nobody', expected one of Chelsie, Ethan"));
  BOOST_TEST(has(refused(model + ", speaker: Ethan"),
                 "'speaker': found Ethan, expected Chelsie, as stage 1 has"));
  BOOST_TEST(has(refused(model + ", codec_left_context_frames: 25"), "are one sound"));
  BOOST_TEST(has(refused(model, "codebooks: 4"), "with 1 codebook, expected stage 1's 4"));
  BOOST_TEST(has(refused(model + ", tensor_parallel_size: 2"), "cannot be split over ranks"));
}

BOOST_AUTO_TEST_SUITE_END()
