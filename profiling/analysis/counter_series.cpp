#include "profiling/analysis/counter_series.hpp"

#include <algorithm>

namespace limelight::profiling {

namespace {
bool earlier(const CounterSeries::Point& a, const CounterSeries::Point& b) { return a.ns < b.ns; }
bool less(const CounterSeries::Point& a, const CounterSeries::Point& b) {
  return a.value < b.value;
}
}  // namespace

void CounterSeries::add(int rank, const std::string& name, std::int64_t ns, double value) {
  auto at = series_.find({rank, name});
  if (at == series_.end()) {
    if (series_.size() >= most_counters) {
      ++left_out_;
      return;
    }
    at = series_.emplace(Key{rank, name}, Series{}).first;
  }
  ++at->second.values;
  std::vector<Point>& points = at->second.points;
  points.push_back({ns, value});
  if (points.size() >= 2 * most) thin(points);
}

// Of each four points the lowest and the highest, in their order.
void CounterSeries::thin(std::vector<Point>& points) {
  std::stable_sort(points.begin(), points.end(), earlier);
  std::vector<Point> kept;
  for (auto from = points.begin(); from != points.end();) {
    const auto to = from + std::min<std::ptrdiff_t>(4, points.end() - from);
    auto [low, high] = std::minmax_element(from, to, less);
    if (low > high) std::swap(low, high);
    kept.push_back(*low);
    if (low != high) kept.push_back(*high);
    from = to;
  }
  points = std::move(kept);
}

void CounterSeries::finish() {
  for (auto& [key, series] : series_) {
    std::stable_sort(series.points.begin(), series.points.end(), earlier);
    while (series.points.size() > most) thin(series.points);
  }
}

}  // namespace limelight::profiling
