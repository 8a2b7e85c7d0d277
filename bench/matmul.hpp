// `limelight bench matmul` compares the products of the CPU device with OpenBLAS, on one core and
// with the shapes of the shipped stages.
//
// Limelight does not depend on OpenBLAS: it is loaded if it is installed (libopenblas0); otherwise
// its columns are empty.
#pragma once

#include "bench/report.hpp"

namespace limelight::bench {

// Returns "matmul": the time of a product in us, by n, in, out and the dtype of the weights. The
// peer always computes in float32.
std::vector<Measurement> bench_matmul(bool quick);

}  // namespace limelight::bench
