// Hidden states in, frames of codes out.
#include <boost/test/unit_test.hpp>

#include "stages/stage_factory.hpp"
#include "stages/talker.hpp"
#include "tests/device_checks.hpp"
#include "tests/stages/collected.hpp"

using namespace limelight;
using namespace limelight::stages;
using namespace limelight::tests;

namespace {

constexpr int width = 24;  // of the states

struct Talking {
  StageConfig config;
  std::unique_ptr<Device> device = make_cpu_device();
  std::unique_ptr<Stage> stage;
  Talking() {
    config.model_stage = "talker";
    config.codec.input_hidden = width;
    config.codec.chunk_frames = 4;
    stage = std::move(*make_stage(config, *device, nullptr));
  }
  Result<void> feed(int from, int rows, bool last) {
    const auto states =
        random_values(static_cast<std::size_t>(rows * width), static_cast<unsigned>(100 + from));
    return stage->consume(
        1, 0, ipc::TensorSpec::of(ipc::DType::float32, {static_cast<std::uint64_t>(rows), width}),
        std::as_bytes(std::span(states)), last);
  }
  void begin(int max_tokens) {
    Request request{1, "the-request", "", {}};
    request.sampling.max_tokens = max_tokens;
    BOOST_REQUIRE(stage->begin(request).ok());
  }
  // Until it needs input or is done.
  StepState run() {
    for (;;)
      if (const auto state = *step_one(*stage, 1, out); state != StepState::more) return state;
  }
  std::vector<std::byte> codes() const {
    std::vector<std::byte> all;
    for (const auto& chunk : out.of(Talker::codes_port))
      all.insert(all.end(), chunk.data.begin(), chunk.data.end());
    return all;
  }
  Collected out;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(talker, Talking)

BOOST_AUTO_TEST_CASE(frames_come_in_chunks_and_the_last_one_says_so) {
  begin(6);
  BOOST_REQUIRE(feed(0, 1, true).ok());
  BOOST_TEST((run() == StepState::done));
  const auto& chunks = out.of(Talker::codes_port);
  BOOST_REQUIRE(chunks.size() == 2u);
  BOOST_TEST(chunks[0].tensor.text() == "int32 [4, 4]");
  BOOST_TEST(!chunks[0].last);
  BOOST_TEST(chunks[1].tensor.text() == "int32 [2, 4]");
  BOOST_TEST(chunks[1].last);
  BOOST_TEST(stage->tokens_out(1) == 6u);
  for (const auto& chunk : chunks) {
    const auto* code = reinterpret_cast<const std::int32_t*>(chunk.data.data());
    for (std::size_t i = 0; i < chunk.data.size() / sizeof *code; ++i)
      BOOST_TEST((code[i] >= 0 && code[i] < config.codec.codebook_size));
  }
}

BOOST_AUTO_TEST_CASE(it_waits_for_the_states_and_says_the_same_whenever_they_come) {
  begin(6);
  for (int row = 0; row < 3; ++row) BOOST_REQUIRE(feed(row, 1, row == 2).ok());
  BOOST_TEST((run() == StepState::done));
  const auto at_once = codes();
  stage->end(1);
  out = {};
  begin(6);
  for (int row = 0; row < 3; ++row) {
    BOOST_TEST((run() == StepState::needs_input));
    BOOST_TEST(stage->tokens_out(1) == static_cast<std::uint64_t>(row));
    BOOST_REQUIRE(feed(row, 1, row == 2).ok());
  }
  BOOST_TEST((run() == StepState::done));
  BOOST_TEST((codes() == at_once));
}

BOOST_AUTO_TEST_CASE(what_it_cannot_serve_is_refused_with_what_was_found_and_expected) {
  Request request{1, "the-request", "", {}};
  request.sampling.max_tokens = config.shape.max_model_len + 1;
  const auto long_one = stage->begin(request);
  BOOST_REQUIRE(!long_one.ok());
  BOOST_TEST((long_one.error().code == ErrorCode::invalid_argument));
  begin(6);
  for (const auto& wrong : {ipc::TensorSpec::of(ipc::DType::int32, {1, width}),
                            ipc::TensorSpec::of(ipc::DType::float32, {1, width + 1}),
                            ipc::TensorSpec::of(ipc::DType::float32, {width})}) {
    const auto refused = stage->consume(1, 0, wrong, {}, true);
    BOOST_REQUIRE(!refused.ok());
    BOOST_TEST((refused.error().code == ErrorCode::corrupt));
    BOOST_TEST(refused.error().message ==
               "talker: found a chunk " + wrong.text() + ", expected float32 [n, 24]");
  }
}

BOOST_AUTO_TEST_SUITE_END()
