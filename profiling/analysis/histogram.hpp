// Quantiles of durations (ns) in a fixed amount of memory. There are 16 bins for each factor of
// two, so a bin is 4.5 % wide. One thread uses a histogram.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

namespace limelight::profiling {

class Histogram {
 public:
  void add(std::int64_t ns) {
    ++counts_[bin(ns)];
    ++count_;
    most_ = std::max(most_, ns);
  }
  std::uint64_t count() const { return count_; }
  std::int64_t most() const { return most_; }
  // The q-quantile in nanoseconds, q from 0 to 1. Returns 0 if nothing was added.
  double quantile(double q) const {
    std::uint64_t below = 0;
    const auto wanted = static_cast<std::uint64_t>(std::ceil(q * static_cast<double>(count_)));
    for (std::size_t i = 0; i < counts_.size(); ++i)
      if ((below += counts_[i]) >= wanted && counts_[i] > 0)
        return std::min(std::exp2((static_cast<double>(i) + 0.5) / per_octave),
                        static_cast<double>(most_));
    return 0;
  }

 private:
  static constexpr double per_octave = 16;
  static std::size_t bin(std::int64_t ns) {
    return ns <= 1
               ? 0
               : std::min(static_cast<std::size_t>(std::log2(static_cast<double>(ns)) * per_octave),
                          std::size_t{1023});
  }
  std::array<std::uint64_t, 1024> counts_{};
  std::uint64_t count_ = 0;
  std::int64_t most_ = 0;
};

}  // namespace limelight::profiling
