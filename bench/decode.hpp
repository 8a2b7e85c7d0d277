// `limelight bench decode` measures how fast a published model reads a prompt and generates an
// answer. The peer is llama.cpp (its Python package) on the same file.
#pragma once

#include <filesystem>
#include <limelight/result.hpp>
#include <vector>

#include "bench/report.hpp"

namespace limelight::bench {

struct DecodeOptions {
  bool quick = false;
  std::string model;  // a path or a name, as in the key `model` of a stage
  // Requests that decode together, one measurement each. Empty: one request alone, in all ways.
  std::vector<int> concurrency;
  int threads = 2;  // with `concurrency`
};

// Returns these measurements:
//
//   name             unit      peer
//   prefill, decode  tokens/s  llama.cpp, if a python3 has llama_cpp (LIMELIGHT_PYTHON names one)
//   bandwidth        GB/s      a copy loop with as many threads; value: weights that decoding reads
//   open             ms        none; from opening the file until the decoder is ready
//
// and with `concurrency`, for each number of requests
//
//   decode           tokens/s  llama.cpp's parallel decoding; all requests together
//   gain             x         the same with one request (a concurrency of 1 must be among them)
//
// Errors: those of opening the model.
Result<std::vector<Measurement>> bench_decode(const DecodeOptions& options);

}  // namespace limelight::bench
