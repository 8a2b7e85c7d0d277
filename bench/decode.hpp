// `limelight bench decode`: how fast a published model reads a prompt and writes an answer, beside
// llama.cpp (its Python package) on the same file.
#pragma once

#include <filesystem>
#include <limelight/result.hpp>

#include "bench/report.hpp"

namespace limelight::bench {

struct DecodeOptions {
  bool quick = false;
  std::string model;  // as in a stage's config
};

// prefill and decode: tokens a second, by threads; the peer where a python3 has llama_cpp
// (LIMELIGHT_PYTHON names another one). bandwidth: GB/s of weights that decoding reads, beside what
// a loop of as many threads reads from memory. open: ms from opening the file until a decoder is
// ready. Errors: those of opening the model.
Result<std::vector<Measurement>> bench_decode(const DecodeOptions& options);

}  // namespace limelight::bench
