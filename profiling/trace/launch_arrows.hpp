// Finds the two ends of the arrows from a launch on the host to what it launched on a device.
// Either end may be reported first, since they come in different buffers. One thread uses an
// object.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <unordered_map>
#include <utility>

namespace limelight::profiling {

class LaunchArrows {
 public:
  // Where an end is. A launch gets only one arrow, even if it is of a graph with many kernels.
  struct Place {
    std::int64_t pid, tid, ns;
    bool linked = false;
  };

  // Calls draw(from, to) if both ends are known now. Returns whether this end has an arrow, if the
  // other one comes: false for later work of a launch that has one.
  template <class Draw>
  bool add(std::uint32_t correlation, const Place& place, bool is_launch, Draw draw) {
    Place launch = place;
    if (!is_launch) {
      if (const auto at = launches_.find(correlation); at != launches_.end()) {
        if (std::exchange(at->second.linked, true)) return false;
        draw(at->second, place);
        return true;
      }
    } else if (const auto at = works_.find(correlation); at != works_.end()) {
      draw(place, at->second);
      launch.linked = true;
      works_.erase(at);
    }
    const bool fresh =
        (is_launch ? launches_ : works_).insert_or_assign(correlation, launch).second;
    if (fresh) (is_launch ? launch_order_ : work_order_).push_back(correlation);
    if (launch_order_.size() > most_waiting) {
      launches_.erase(launch_order_.front());
      launch_order_.pop_front();
    }
    if (work_order_.size() > most_waiting) {
      unmatched_ += works_.erase(work_order_.front());
      work_order_.pop_front();
    }
    return fresh;
  }
  // Work without a launch.
  std::uint64_t unmatched() const noexcept { return unmatched_ + works_.size(); }

 private:
  static constexpr std::size_t most_waiting = 1 << 16;
  std::unordered_map<std::uint32_t, Place> launches_, works_;
  std::deque<std::uint32_t> launch_order_, work_order_;
  std::uint64_t unmatched_ = 0;
};

}  // namespace limelight::profiling
