// What this machine can do at most, measured: the roof of a roofline (Williams, Waterman, Patterson
// 2009). float32 multiplications and additions from registers, and reading of memory that no cache
// close to a core holds, by so many threads at once.
//
// A measurement takes about 0.1 s. It is done once for a machine, a user and a number of threads: a
// file in the folder for temporary files keeps it until the machine starts anew, and a lock on it
// lets one process measure while others wait. Any thread may call the function.
#pragma once

#include <limelight/result.hpp>
#include <string>

namespace limelight::stages {

struct MachinePeak {
  double gflops = 0, gb_per_s = 0;
  int threads = 0;
};

// Measures anew.
MachinePeak measure_peak(int threads);

// The value of `limelight_peak` in a trace (SessionOptions::peak_json).
std::string machine_peak_json(int threads);

}  // namespace limelight::stages
