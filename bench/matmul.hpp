// `limelight bench matmul`: the CPU device's products beside OpenBLAS, on one core, at the shapes
// of the shipped stages.
//
// OpenBLAS is no part of Limelight: it is loaded where it is installed (libopenblas0), and its
// columns are empty elsewhere.
#pragma once

#include "bench/report.hpp"

namespace limelight::bench {

// "matmul": us a product, by n, in, out and dtype of the weights; the peer always computes in
// float32.
std::vector<Measurement> bench_matmul(bool quick);

}  // namespace limelight::bench
