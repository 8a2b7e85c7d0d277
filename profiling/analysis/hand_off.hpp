// Adds up the chunks of each channel: how many, how large, and how long they were under way, from
// the begin of the publish to the end of the take.
//
// Ends may come in any order. Memory: the chunks that have one end only, up to a limit. One thread
// uses an object.
#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>

#include "profiling/analysis/histogram.hpp"
#include "profiling/analysis/trace_event.hpp"

namespace limelight::profiling {

class HandOffs {
 public:
  struct Channel {
    int from = -1, to = -1;  // ranks; -1: in none of the traces
    std::uint64_t chunks = 0, bytes = 0;
    Histogram dwell;
  };
  // Takes any event; those that are no publish or take are passed over.
  void add(const EventLine& event, int rank);
  const std::map<std::uint64_t, Channel>& channels() const noexcept { return channels_; }

 private:
  static constexpr std::size_t most_waiting = 1 << 20;
  std::map<std::uint64_t, Channel> channels_;
  std::unordered_map<std::uint64_t, std::int64_t> publishes_, takes_;
};

}  // namespace limelight::profiling
