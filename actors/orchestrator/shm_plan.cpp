#include "actors/orchestrator/shm_plan.hpp"

#include <algorithm>
#include <string>

#include "actors/pipeline/pools.hpp"
#include "base/log.hpp"
#include "profiling/capture/flight_memory.hpp"
#include "profiling/capture/flight_recorder.hpp"

namespace limelight::actors {

namespace {

const std::size_t most_records = profiling::FlightOptions{}.most_records,
                  least_records = most_records / 2;
// Left to other processes: a named semaphore, the page that a file is rounded up to.
constexpr std::uint64_t left_free = 128 * 1024;

std::uint64_t flight_bytes(std::size_t records) {
  return page_bytes(profiling::FlightMemory::bytes_for(records));
}

}  // namespace

std::vector<ShmNeed> needs_beside_broker(const stages::PipelineConfig& config, bool flight) {
  std::vector<ShmNeed> needs;
  const auto ranks = static_cast<std::uint64_t>(config.world_size());
  if (flight)
    needs.push_back({"the flight recorders of " + std::to_string(ranks) + " ranks",
                     ranks * flight_bytes(least_records) + left_free});
  if (const std::uint64_t bytes = collectives_bytes(config); bytes > 0)
    needs.push_back({"collectives", bytes});
  return needs;
}

std::size_t flight_records(const stages::PipelineConfig& config) {
  const std::uint64_t each = shm_share(shm_free(), collectives_bytes(config) + left_free,
                                       static_cast<std::uint64_t>(config.world_size()),
                                       flight_bytes(least_records), flight_bytes(most_records));
  const std::size_t records = std::min(most_records, profiling::FlightMemory::records_in(each));
  if (records == most_records) return records;
  log(LogLevel::warning,
      "/dev/shm has little room: a flight recorder keeps " + std::to_string(records) +
          " records, not " + std::to_string(most_records) +
          ", so the last seconds of a busy rank may be fewer than was asked for");
  return records;
}

}  // namespace limelight::actors
