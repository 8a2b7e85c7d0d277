#include "profiling/analysis/device_time.hpp"

#include <algorithm>
#include <limits>
#include <optional>

namespace limelight::profiling {

DeviceWork device_work_of(std::string_view name, std::string_view category) {
  const auto has = [](std::string_view text, std::string_view part) {
    return text.find(part) != std::string_view::npos;
  };
  if (name.starts_with("nccl")) return DeviceWork::communication;
  for (const char* part : {"memcpy", "memset", "Memcpy", "Memset", "memory_copy"})
    if (has(category, part)) return DeviceWork::memory;
  if (has(name, "Memcpy") || has(name, "Memset")) return DeviceWork::memory;
  return DeviceWork::computation;
}

// Goes over the slices of one rank in the order of their begins. Of each kind only the latest end
// matters: until then the kind runs.
class DeviceTime::Sweep {
 public:
  void add(const Slice& slice) {
    if (shares_.span_ns == 0 && !begun_) {
      begun_ = true;
      first_ = now_ = slice.begin_ns;
      shares_.rank = slice.rank;
      ends_.fill(slice.begin_ns);
    }
    go_to(slice.begin_ns);
    std::int64_t& end = ends_[static_cast<std::size_t>(slice.work)];
    end = std::max(end, slice.end_ns);
  }
  DeviceShares finish() {
    const std::int64_t last = *std::max_element(ends_.begin(), ends_.end());
    go_to(last);
    if (__builtin_sub_overflow(last, first_, &shares_.span_ns))
      shares_.span_ns = std::numeric_limits<std::int64_t>::max();
    return shares_;
  }

 private:
  void go_to(std::int64_t to) {
    while (now_ < to) {
      std::int64_t next = to;
      bool busy = false;
      for (const std::int64_t end : ends_)
        if (end > now_) {
          next = std::min(next, end);
          busy = true;
        }
      if (busy) {
        const std::int64_t length = next - now_;
        shares_.busy_ns += length;
        for (std::size_t i = 0; i < ends_.size(); ++i)
          if (ends_[i] > now_) shares_.work_ns[i] += length;
        if (ends_[0] > now_ && ends_[1] > now_) shares_.overlap_ns += length;
      }
      now_ = next;
    }
  }

  DeviceShares shares_;
  std::array<std::int64_t, 3> ends_{};
  std::int64_t first_ = 0, now_ = 0;
  bool begun_ = false;
};

Result<void> DeviceTime::add(int rank,
                             DeviceWork work,
                             std::int64_t begin_ns,
                             std::int64_t end_ns) {
  return slices_.add({begin_ns, end_ns, rank, work});
}

Result<void> DeviceTime::finish(const std::function<void(const DeviceShares&)>& visit) {
  std::optional<Sweep> sweep;
  int rank = 0;
  auto done = slices_.finish([&](const Slice& slice) {
    if (sweep && slice.rank != rank) {
      visit(sweep->finish());
      sweep.reset();
    }
    if (!sweep) sweep.emplace();
    rank = slice.rank;
    sweep->add(slice);
  });
  if (sweep) visit(sweep->finish());
  return done;
}

}  // namespace limelight::profiling
