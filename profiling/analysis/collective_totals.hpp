// Adds up collectives by group and name: how often which rank came last, and how long the others
// waited for it. One thread uses an object.
#pragma once

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "profiling/analysis/collective_match.hpp"
#include "profiling/analysis/histogram.hpp"

namespace limelight::profiling {

class CollectiveTotals {
 public:
  struct Late {
    std::uint64_t times = 0;
    std::int64_t waited_ns = 0;  // by all others together, for this rank
    std::int64_t late_ns = 0;    // after the rank that came before it
  };
  struct Total {
    std::uint64_t count = 0;
    std::int64_t waited_ns = 0;  // by all ranks
    Histogram spread;            // from the first to the last that came
    std::map<int, Late> last;    // of each rank that took part: how often it came last
    // The rank for which the others waited longest.
    int slowest() const {
      const auto most = std::max_element(
          last.begin(), last.end(),
          [](const auto& a, const auto& b) { return a.second.waited_ns < b.second.waited_ns; });
      return most == last.end() ? -1 : most->first;
    }
  };
  using Key = std::pair<std::string, std::vector<int>>;  // name, and its ranks

  void add(const std::string& name, const std::vector<CollectiveMatch::Part>& parts) {
    Key key{name, {}};
    for (const CollectiveMatch::Part& part : parts) key.second.push_back(part.rank);
    std::sort(key.second.begin(), key.second.end());
    Total& total = totals_[key];
    ++total.count;
    const CollectiveMatch::Part& last = parts.back();
    for (const CollectiveMatch::Part& part : parts) total.last.try_emplace(part.rank);
    Late& late = total.last[last.rank];
    ++late.times;
    late.late_ns += last.begin_ns - parts[parts.size() - 2].begin_ns;
    for (const CollectiveMatch::Part& part : parts) {
      late.waited_ns += last.begin_ns - part.begin_ns;
      total.waited_ns += last.begin_ns - part.begin_ns;
    }
    total.spread.add(last.begin_ns - parts.front().begin_ns);
  }
  const std::map<Key, Total>& totals() const noexcept { return totals_; }

 private:
  std::map<Key, Total> totals_;
};

}  // namespace limelight::profiling
