// Computes the self time of slices: their duration without that of the slices inside them.
//
// Slices must be added in the order of their ends on each thread, as the traces of Limelight list
// them. Memory grows with the number of slices that have no parent yet, up to a limit, and not with
// the trace.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace limelight::profiling {

class SelfTime {
 public:
  // Adds a slice and returns its self time. The slices inside it were added before it.
  std::int64_t add(std::int64_t pid,
                   std::int64_t tid,
                   std::int64_t begin_ns,
                   std::int64_t duration_ns) {
    std::vector<Ended>& ended = tracks_[{pid, tid}];
    std::int64_t inside = 0;
    while (!ended.empty() && ended.back().begin_ns >= begin_ns) {
      inside += ended.back().duration_ns;
      ended.pop_back();
    }
    // A slice waits in this list for a parent, which ends later. A top-level slice has none and
    // would stay for ever, so the older half of the list is dropped when it is full.
    if (ended.size() >= most_open) ended.erase(ended.begin(), ended.begin() + most_open / 2);
    ended.push_back({begin_ns, duration_ns});
    return duration_ns > inside ? duration_ns - inside : 0;
  }

 private:
  static constexpr std::size_t most_open = 1 << 16;
  struct Ended {
    std::int64_t begin_ns, duration_ns;
  };
  std::map<std::pair<std::int64_t, std::int64_t>, std::vector<Ended>> tracks_;
};

}  // namespace limelight::profiling
