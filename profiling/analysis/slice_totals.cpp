#include "profiling/analysis/slice_totals.hpp"

#include <algorithm>

namespace limelight::profiling {

SliceTotals::Track SliceTotals::track(std::int64_t pid, std::int64_t tid, const std::string& lane) {
  const auto [at, fresh] =
      tracks_.try_emplace(Key(pid, tid, lane), static_cast<Track>(pids_.size()));
  if (fresh) {
    pids_.push_back(pid);
    slices_.emplace_back();
  }
  return at->second;
}

void SliceTotals::add(Track track,
                      const std::string& name,
                      std::int64_t begin_ns,
                      std::int64_t end_ns) {
  const auto [at, fresh] = ids_.try_emplace(name, static_cast<std::uint32_t>(names_.size()));
  if (fresh) names_.push_back(&at->first);
  slices_[track].push_back({begin_ns, end_ns, at->second});
}

void SliceTotals::finish(std::map<std::string, Total, std::less<>>& rows, Track track) {
  std::vector<Slice> slices = std::move(slices_[track]);
  slices_[track].clear();
  // Of slices that begin together the longer one is the parent; of equal ones the first.
  std::stable_sort(slices.begin(), slices.end(), [](const Slice& a, const Slice& b) {
    return a.begin_ns != b.begin_ns ? a.begin_ns < b.begin_ns : a.end_ns > b.end_ns;
  });
  std::vector<const Slice*> open;
  std::map<std::uint32_t, Total> totals;
  std::map<std::uint32_t, std::int64_t> counted_to;  // where the total of a name ends so far
  std::int64_t now = INT64_MIN;
  const auto advance = [&](std::int64_t to) {
    while (!open.empty() && now < to) {
      const Slice& top = *open.back();
      if (top.end_ns <= now) {
        open.pop_back();
        continue;
      }
      const std::int64_t end = std::min(top.end_ns, to);
      totals[top.name].self_ns += end - now;
      now = end;
    }
    now = to;
  };
  for (const Slice& slice : slices) {
    advance(slice.begin_ns);
    open.push_back(&slice);
    Total& total = totals[slice.name];
    ++total.calls;
    auto [at, fresh] = counted_to.try_emplace(slice.name, slice.begin_ns);
    const std::int64_t from = std::max(at->second, slice.begin_ns);
    if (slice.end_ns > from) {
      total.total_ns += slice.end_ns - from;
      at->second = slice.end_ns;
    }
  }
  advance(INT64_MAX);
  for (const auto& [name, total] : totals) {
    Total& row = rows[*names_[name]];
    row.calls += total.calls;
    row.self_ns += total.self_ns;
    row.total_ns += total.total_ns;
  }
}

}  // namespace limelight::profiling
