// Numbers of a sample: mean, spread, percentiles, and how sure the mean is.
#pragma once

#include <cstddef>
#include <vector>

namespace limelight::bench {

class Sample {
 public:
  explicit Sample(std::vector<double> values);  // in any order

  std::size_t size() const noexcept { return values_.size(); }
  bool empty() const noexcept { return values_.empty(); }
  // Of an empty sample all are 0.
  double mean() const noexcept { return mean_; }
  double deviation() const noexcept { return deviation_; }  // divided by n
  // 0 <= p <= 100, interpolated linearly between the two values beside it.
  double percentile(double p) const;
  double median() const { return percentile(50); }
  // Half the width of the interval around the mean that holds the true one in 95 of 100 samples
  // (Student's distribution). 0 for fewer than two values.
  double half_width() const;

 private:
  std::vector<double> values_;  // sorted
  double mean_ = 0, deviation_ = 0;
};

// That of Student's distribution with so many degrees of freedom (1 or more) within whose negative
// and itself the share `confidence` of it lies.
double student_quantile(double degrees, double confidence = 0.95);

}  // namespace limelight::bench
