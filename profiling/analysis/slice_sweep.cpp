#include "profiling/analysis/slice_sweep.hpp"

#include <algorithm>

namespace limelight::profiling {

void SliceSweep::add(const TrackSlice& slice) {
  if (!open_.empty() && open_.back().slice.track != slice.track) finish();
  if (open_.empty()) now_ = INT64_MIN;
  go_to(slice.begin_ns);
  while (!open_.empty() && open_.back().slice.end_ns <= slice.begin_ns) {
    const Open done = open_.back();
    open_.pop_back();
    visitor_.closed(done.slice, done.self_ns, done.tag);
  }
  const Tag* parent = open_.empty() ? nullptr : &open_.back().tag;
  const Tag tag = visitor_.opened(slice, open_.size(), parent);
  open_.push_back({slice, 0, tag});
}

// Gives the time up to `ns` to the slice that began last of those that are open.
void SliceSweep::go_to(std::int64_t ns) {
  while (!open_.empty() && now_ < ns) {
    Open& top = open_.back();
    const std::int64_t from = std::max(now_, top.slice.begin_ns);
    if (top.slice.end_ns <= from) {
      const Open done = top;
      open_.pop_back();
      visitor_.closed(done.slice, done.self_ns, done.tag);
      continue;
    }
    const std::int64_t end = std::min(top.slice.end_ns, ns);
    std::int64_t spent = 0;  // times from outside may be more than 292 years apart
    if (__builtin_sub_overflow(end, from, &spent)) spent = INT64_MAX;
    if (__builtin_add_overflow(top.self_ns, spent, &top.self_ns)) top.self_ns = INT64_MAX;
    visitor_.spent(top.slice, top.tag, from, end);
    now_ = end;
  }
  now_ = std::max(now_, ns);
}

}  // namespace limelight::profiling
