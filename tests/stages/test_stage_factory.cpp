// What a config names is made, and its largest tensor is known before.
#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "stages/code2wav.hpp"
#include "stages/stage_factory.hpp"
#include "stages/talker.hpp"
#include "stages/thinker.hpp"
#include "tests/stages/collected.hpp"

using namespace limelight;
using namespace limelight::stages;
using namespace limelight::tests;

namespace {
StageConfig config_of(const char* kind) {
  StageConfig config;
  config.model_stage = kind;
  config.codec.upsampling = {2, 3};
  config.codec.input_hidden = config.shape.hidden;
  return config;
}
template <class Kind>
bool makes(const char* kind) {
  const auto device = make_cpu_device();
  const auto made = make_stage(config_of(kind), *device, nullptr);
  return made.ok() && dynamic_cast<const Kind*>(made->get()) != nullptr;
}
}  // namespace

BOOST_AUTO_TEST_SUITE(stage_factory)

BOOST_AUTO_TEST_CASE(the_stage_is_of_the_kind_that_the_config_names) {
  BOOST_TEST(makes<Thinker>("thinker"));
  BOOST_TEST(makes<Talker>("talker"));
  BOOST_TEST(makes<Code2Wav>("code2wav"));
}

BOOST_AUTO_TEST_CASE(the_largest_tensor_is_a_whole_step_or_a_whole_chunk) {
  const DecoderShape shape = config_of("").shape;
  const CodecShape codec = config_of("").codec;
  BOOST_TEST(max_output_bytes(config_of("thinker"), Thinker::hidden_port) ==
             static_cast<std::uint64_t>(config_of("").max_num_batched_tokens * shape.hidden) * 4);
  BOOST_TEST(max_output_bytes(config_of("talker"), Talker::codes_port) ==
             static_cast<std::uint64_t>(codec.chunk_frames * codec.codebooks) * 4);
  BOOST_TEST(max_output_bytes(config_of("code2wav"), Code2Wav::audio_port) ==
             static_cast<std::uint64_t>(codec.chunk_frames) * 6 * 4);
}

BOOST_AUTO_TEST_CASE(no_stage_emits_more_than_its_largest_tensor) {
  StageConfig config = config_of("thinker");
  config.shape.max_model_len = 64;
  const auto device = make_cpu_device();
  const auto stage = std::move(*make_stage(config, *device, nullptr));
  Request request{1, "r", std::string(60, 'x'), {}};
  request.sampling.max_tokens = 4;
  BOOST_REQUIRE(stage->begin(request).ok());
  Collected out;
  while (*step_one(*stage, 1, out) == StepState::more) {}
  for (const auto& chunk : out.of(Thinker::text_port))
    BOOST_TEST(chunk.data.size() <= max_output_bytes(config, Thinker::text_port));
  for (const auto& chunk : out.of(Thinker::hidden_port))
    BOOST_TEST(chunk.data.size() <= max_output_bytes(config, Thinker::hidden_port));
}

BOOST_AUTO_TEST_CASE(a_shape_beyond_the_memory_is_refused_with_both_numbers) {
  StageConfig config = config_of("thinker");
  config.shape.layers = 1'000'000;
  config.shape.hidden = 16'384;
  config.shape.mlp = 65'536;
  const auto device = make_cpu_device();
  const auto stage = make_stage(config, *device, nullptr);
  BOOST_REQUIRE(!stage.ok());
  BOOST_TEST((stage.error().code == ErrorCode::unavailable));
  const std::string& said = stage.error().message;
  BOOST_TEST(said.find(" needs ") != std::string::npos, said);
  BOOST_TEST(said.find(" GiB of memory for its weights, ") != std::string::npos, said);
  BOOST_TEST(said.ends_with(" GiB are there"), said);
}

BOOST_AUTO_TEST_SUITE_END()
