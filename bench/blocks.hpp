// `limelight bench blocks` measures the products of the CPU device with weights in blocks, by the
// number of rows that share them: a step of one request has one row, a step of a batch many.
#pragma once

#include "bench/report.hpp"

namespace limelight::bench {

// Returns "blocks": the time in ns for each byte of the weights, by the type of the weights, the
// number of rows and of threads. in: columns of x, out: columns of y.
struct BlocksOptions {
  bool quick = false;
  int in = 1536, out = 576;
};
std::vector<Measurement> bench_blocks(const BlocksOptions& options);

}  // namespace limelight::bench
