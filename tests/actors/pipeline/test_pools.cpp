// Shared memory for a pipeline: whatever its stages emit finds a chunk.
#include <algorithm>
#include <boost/test/unit_test.hpp>

#include "actors/pipeline/pools.hpp"
#include "ipc/iceoryx/channel.hpp"
#include "stages/registry.hpp"
#include "stages/stage_factory.hpp"

using namespace limelight;
using namespace limelight::actors;

namespace {
stages::PipelineConfig shipped() {
  auto config = stages::parse(CONFIG_DIR "/omni_tiny.yaml");
  if (!config) BOOST_FAIL(config.error().message);
  return std::move(config).value();
}
std::uint64_t largest_of(const std::vector<ipc::Pool>& pools) {
  std::uint64_t most = 0;
  for (const ipc::Pool& pool : pools) most = std::max<std::uint64_t>(most, pool.chunk_bytes);
  return most;
}
std::uint64_t small_chunks(const std::vector<ipc::Pool>& pools) { return pools.front().chunks; }
}  // namespace

BOOST_AUTO_TEST_SUITE(pools)

BOOST_AUTO_TEST_CASE(the_largest_tensor_of_every_stage_fits_a_chunk) {
  const auto config = shipped();
  const std::uint64_t largest = largest_of(pools_for(config));
  for (const stages::StageConfig& stage : config.stages)
    for (int output = 0;
         output < static_cast<int>(stages::find_stage_type(stage.model_stage)->outputs.size());
         ++output)
      BOOST_TEST(ipc::chunk_bytes(stages::max_output_bytes(stage, output)) <= largest,
                 stage.model_stage);
}

BOOST_AUTO_TEST_CASE(longer_steps_get_larger_chunks_and_a_larger_window_more) {
  auto config = shipped();
  const auto before = pools_for(config);
  config.stages[0].max_num_batched_tokens = config.stages[0].shape.max_model_len;
  config.edges[0].window_size += 100;
  const auto after = pools_for(config);
  BOOST_TEST(largest_of(after) > largest_of(before));
  BOOST_TEST(small_chunks(after) == small_chunks(before) + 100);
}

BOOST_AUTO_TEST_CASE(every_window_can_be_full_of_small_chunks_at_once) {
  const auto config = shipped();
  std::uint64_t waiting = 0;
  for (const stages::Edge& edge : config.edges)
    waiting += static_cast<std::uint64_t>(edge.window_size);
  BOOST_TEST(small_chunks(pools_for(config)) > waiting);
}

BOOST_AUTO_TEST_SUITE_END()
