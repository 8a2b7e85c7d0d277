// The values of counters over time, coarse enough to be drawn: of a counter with more values than
// fit, the lowest and the highest of neighbours are kept, so no peak is lost.
//
// Values may come in any order. Memory: `most` values for each counter. One thread uses an object.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace limelight::profiling {

class CounterSeries {
 public:
  static constexpr std::size_t most = 4096;
  static constexpr std::size_t most_counters = 512;
  struct Point {
    std::int64_t ns;
    double value;
  };
  using Key = std::pair<int, std::string>;  // rank and name
  struct Series {
    std::vector<Point> points;  // by time, once finished
    std::uint64_t values = 0;   // that were added
  };

  void add(int rank, const std::string& name, std::int64_t ns, double value);
  void finish();
  const std::map<Key, Series>& series() const noexcept { return series_; }
  // Values of counters beyond most_counters, which are not kept.
  std::uint64_t left_out() const noexcept { return left_out_; }

 private:
  static void thin(std::vector<Point>& points);
  std::map<Key, Series> series_;
  std::uint64_t left_out_ = 0;
};

}  // namespace limelight::profiling
