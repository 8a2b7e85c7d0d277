#include "actors/pipeline/pools.hpp"

#include <algorithm>
#include <iterator>
#include <map>

#include "actors/pipeline/placement.hpp"
#include "actors/pipeline/topics.hpp"
#include "ipc/iceoryx/channel.hpp"
#include "ipc/shared_group.hpp"
#include "stages/stage_factory.hpp"

namespace limelight::actors {

namespace {

// Chunks of a decode step, of codes and of text: nearly all that are sent.
constexpr std::uint64_t small = 16 * 1024;
// Eight loans of the producer, and as many that the consumer holds beside the window.
constexpr std::uint32_t beside_window = 16;
constexpr std::uint32_t most_large = 4;
struct Channel {
  std::uint64_t largest;
  std::uint32_t small_chunks, large_chunks;
};

std::vector<Channel> channels_of(const stages::PipelineConfig& config) {
  std::vector<Channel> channels;
  const auto inflight = static_cast<std::uint32_t>(config.max_inflight);
  const auto between_stages = [&](std::uint64_t largest, std::size_t window) -> Channel {
    return {largest, static_cast<std::uint32_t>(window) + beside_window,
            std::min(inflight, most_large) + 2};
  };
  // A channel to another machine has chunks at both ends, which may be on this one.
  for (const Crossing& crossing : crossings(config))
    channels.push_back(between_stages(crossing.max_bytes, crossing.window));
  for (const stages::Edge& edge : config.edges) {
    const stages::StageConfig& from = *config.find(edge.from);
    const Channel channel = between_stages(stages::max_output_bytes(from, edge.output),
                                           static_cast<std::size_t>(edge.window_size));
    channels.insert(channels.end(),
                    static_cast<std::size_t>(from.num_replicas) *
                        static_cast<std::size_t>(config.find(edge.to)->num_replicas),
                    channel);
  }
  for (const stages::StageConfig& s : config.stages)
    if (s.user_output >= 0)
      channels.insert(channels.end(), static_cast<std::size_t>(s.num_replicas),
                      between_stages(stages::max_output_bytes(s, s.user_output), user_window));
  for (const stages::AttachmentPort& port : config.attachments)
    channels.insert(channels.end(), static_cast<std::size_t>(config.find(port.to)->num_replicas),
                    {port.largest_bytes, inflight + beside_window, inflight + 2});
  return channels;
}

// Leaves out the sizes that are nearest to the next larger one, whose chunks serve for them, until
// iceoryx has room for all.
void merge_sizes(std::map<std::uint64_t, std::uint32_t>& chunks) {
  while (chunks.size() > ipc::most_pools) {
    auto nearest = std::next(chunks.begin());  // never the small ones, nor the largest
    for (auto at = nearest; std::next(at) != chunks.end(); ++at)
      if (std::next(at)->first - at->first < std::next(nearest)->first - nearest->first)
        nearest = at;
    chunks.erase(nearest);
  }
}

}  // namespace

// A producer that finds no chunk of its size waits for the consumer, so the counts below decide how
// much may be under way, not whether it arrives. Small chunks are enough for every window. Larger
// ones are slices of prompts, and sound: of each there are as many as requests may be under way, up
// to most_large, one that the producer fills and one that its port keeps. The orchestrator waits
// for no stage, so each request under way may have an attachment that is not read yet.
//
// iceoryx takes a chunk from the smallest pool whose chunks are large enough and from no other, so
// each pool has chunks for every channel that sends anything of its size: were they fewer, prefills
// that wait for a stage could take all the chunks that this stage needs to go on.
std::vector<ipc::Pool> pools_for(const stages::PipelineConfig& config) {
  const std::vector<Channel> channels = channels_of(config);

  std::map<std::uint64_t, std::uint32_t> chunks{{small, 0}};  // by the tensor's bytes
  for (const Channel& channel : channels)
    if (channel.largest > small) chunks[channel.largest] = 0;
  merge_sizes(chunks);
  for (const Channel& channel : channels) {
    std::uint64_t below = 0;
    for (auto& [bytes, count] : chunks) {
      if (bytes == small) count += channel.small_chunks;
      else if (below < channel.largest) count += channel.large_chunks;
      below = bytes;
    }
  }
  std::vector<ipc::Pool> pools;
  for (const auto& [bytes, count] : chunks) pools.push_back({ipc::chunk_bytes(bytes), count});
  return pools;
}

std::size_t collective_bytes(const stages::StageConfig& stage) {
  return static_cast<std::size_t>(stage.shape.hidden) * sizeof(float) * 64;
}

std::uint64_t collectives_bytes(const stages::PipelineConfig& config) {
  std::uint64_t sum = 0;
  for (const stages::StageConfig& s : config.stages)
    if (s.tensor_parallel_size > 1)
      sum +=
          static_cast<std::uint64_t>(s.num_replicas) *
          page_bytes(ipc::SharedGroup::segment_bytes(s.tensor_parallel_size, collective_bytes(s)));
  return sum;
}

}  // namespace limelight::actors
