#include "actors/pipeline/pools.hpp"

#include "actors/pipeline/topics.hpp"
#include "ipc/iceoryx/channel.hpp"
#include "stages/stage_factory.hpp"

namespace limelight::actors {

std::vector<ipc::Pool> pools_for(const stages::PipelineConfig& config) {
  // Most chunks are far smaller than the largest (one decode step against a whole prefill), so few
  // full-size ones suffice: a producer that finds none waits for the consumer.
  constexpr std::uint64_t small = 16 * 1024;
  std::vector<ipc::Pool> pools;
  std::uint32_t small_chunks = 0;
  const auto channel = [&](const stages::StageConfig& from, int window) {
    small_chunks += static_cast<std::uint32_t>(window) + 16;
    const std::uint64_t largest = stages::max_output_bytes(from);
    if (largest > small) pools.push_back({ipc::chunk_bytes(largest), 6});
  };
  for (const stages::Edge& edge : config.edges) channel(*config.find(edge.from), edge.window_size);
  for (const stages::StageConfig& s : config.stages)
    if (s.final_output) channel(s, static_cast<int>(user_window));
  pools.push_back({ipc::chunk_bytes(small), small_chunks});
  return pools;
}

}  // namespace limelight::actors
