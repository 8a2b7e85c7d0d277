// Self time of slices that come in the order of their ends, thread by thread, as Limelight's own
// traces have them: total less what ran inside.
//
// Grows with the number of slices inside one that is still open, not with the trace.
#pragma once

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

namespace limelight::profiling {

class SelfTime {
 public:
  // Of one slice; its children were added before it.
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
    // Top-level slices never get a parent that ends later, unless it is still open; that many are
    // kept.
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
