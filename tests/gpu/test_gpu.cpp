// Tests that a GPU computes what the CPU does. Without a GPU it skips itself and prints the reason.
#define BOOST_TEST_MODULE gpu
#define BOOST_TEST_NO_MAIN
#define BOOST_TEST_ALTERNATIVE_INIT_API
#include <cstdio>

#include "stages/models/decoder.hpp"
#include "tests/device_checks.hpp"

using namespace limelight;

BOOST_AUTO_TEST_CASE(a_gpu_computes_what_the_formulas_say) {
  tests::check_device(**stages::make_cuda_device(0));
}

BOOST_AUTO_TEST_CASE(a_decoder_gives_the_same_rows_on_both_devices) {
  stages::StageConfig config;
  std::vector<std::vector<float>> results;
  const auto cpu = stages::make_cpu_device();
  const auto gpu = std::move(*stages::make_cuda_device(0));
  for (stages::Device* device : {cpu.get(), gpu.get()}) {
    stages::DummyWeights weights(1);
    const stages::Decoder decoder(config, weights, *device, nullptr);
    stages::KvCache cache = decoder.make_cache(1);
    stages::KvCache::Sequence sequence;
    std::vector<float> rows =
        tests::random_values(static_cast<std::size_t>(5 * config.shape.hidden), 9);
    const stages::Decoder::Part part{&sequence, 5, {}};
    BOOST_REQUIRE(decoder.forward(rows, {&part, 1}, cache).ok());
    results.push_back(rows);
  }
  BOOST_TEST(tests::largest_difference(results[1], {results[0].begin(), results[0].end()}) < 1e-3);
}

int main(int argc, char** argv) {
  constexpr int skipped = 77;
  if (const auto gpu = stages::make_cuda_device(0); !gpu) {
    std::printf("skipped: %s\n", gpu.error().message.c_str());
    return skipped;
  }
  return boost::unit_test::unit_test_main(init_unit_test, argc, argv);
}
