// Codes to sound.
#include <boost/test/unit_test.hpp>

#include "stages/code2wav.hpp"
#include "stages/stage_factory.hpp"
#include "tests/device_checks.hpp"
#include "tests/stages/collected.hpp"

using namespace limelight;
using namespace limelight::stages;
using limelight::tests::Collected;

BOOST_AUTO_TEST_CASE(how_codes_are_chunked_does_not_change_the_sound) {
  StageConfig config;
  config.shape.layers = 2;
  config.model_stage = "code2wav";
  config.codec.upsampling = {2, 3};
  const auto cpu = make_cpu_device();
  const auto sound = [&](const std::vector<int>& chunks) {
    const auto made = make_stage(config, *cpu, nullptr);
    const auto& stage = *made;
    BOOST_REQUIRE(stage->begin({1, "r", "", {}}).ok());
    Collected out;
    int frame = 0;
    for (std::size_t c = 0; c < chunks.size(); ++c) {
      std::vector<std::int32_t> codes;
      for (int i = 0; i < chunks[c]; ++i, ++frame)
        for (int book = 0; book < config.codec.codebooks; ++book)
          codes.push_back((frame * 7 + book * 3) % config.codec.codebook_size);
      const auto spec = ipc::TensorSpec::of(ipc::DType::int32,
                                            {static_cast<std::uint64_t>(chunks[c]),
                                             static_cast<std::uint64_t>(config.codec.codebooks)});
      BOOST_REQUIRE(
          stage->consume(1, 0, spec, std::as_bytes(std::span(codes)), c + 1 == chunks.size()).ok());
      BOOST_REQUIRE(step_one(*stage, 1, out).ok());
    }
    return out.samples();
  };
  const std::vector<float> whole = sound({9}), pieces = sound({4, 1, 4});
  BOOST_TEST(whole.size() == 9u * 6u);
  BOOST_TEST(tests::largest_difference(pieces, {whole.begin(), whole.end()}) < 1e-4);
}
