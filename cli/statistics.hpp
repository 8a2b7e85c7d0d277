// The statistics of some requests as a table.
#pragma once

#include <cstdint>
#include <limelight/request.hpp>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace limelight::cli {

// The sums over requests, one after the other.
class Statistics {
 public:
  void add(const RequestOutput& output);
  // See statistics_table().
  std::string table(double wall_ms) const;
  std::size_t requests() const noexcept { return requests_; }

 private:
  struct StageSum {
    std::uint64_t requests = 0, tokens = 0;
    double ms = 0;
  };
  std::map<std::pair<int, int>, StageSum> stages_;  // by stage and replica
  std::map<std::pair<int, int>, TransferStats> edges_;
  double e2e_ms_ = 0;  // of those that are done
  std::size_t requests_ = 0, done_ = 0;
};

// A table of stages (3/0 and 3/1 are replicas of stage 3), transfers and totals. wall_ms: the time
// that all requests took together.
std::string statistics_table(const std::vector<RequestOutput>& outputs, double wall_ms);

}  // namespace limelight::cli
