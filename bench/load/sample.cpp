#include "bench/load/sample.hpp"

#include <algorithm>
#include <boost/math/distributions/students_t.hpp>
#include <cmath>

namespace limelight::bench {

Sample::Sample(std::vector<double> values) : values_(std::move(values)) {
  if (values_.empty()) return;
  std::sort(values_.begin(), values_.end());
  const auto n = static_cast<double>(values_.size());
  for (const double value : values_) mean_ += value / n;
  double squares = 0;
  for (const double value : values_) squares += (value - mean_) * (value - mean_) / n;
  deviation_ = std::sqrt(squares);
}

double Sample::percentile(double p) const {
  if (values_.empty()) return 0;
  const double at = p / 100 * static_cast<double>(values_.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const auto above = std::min(below + 1, values_.size() - 1);
  return values_[below] + (values_[above] - values_[below]) * (at - static_cast<double>(below));
}

double Sample::half_width() const {
  if (values_.size() < 2) return 0;
  const double others = static_cast<double>(values_.size()) - 1;
  return student_quantile(others) * deviation_ / std::sqrt(others);
}

double student_quantile(double degrees, double confidence) {
  return boost::math::quantile(boost::math::students_t_distribution<double>(degrees),
                               (1 + confidence) / 2);
}

}  // namespace limelight::bench
