// Chooses the next token from logits: repetition penalty (Keskar et al. 2019), temperature, top_k,
// top_p (Holtzman et al. 2020), seed. One thread uses a sampler.
#pragma once

#include <cstdint>
#include <limelight/config.hpp>
#include <limelight/result.hpp>
#include <span>
#include <vector>

namespace limelight::stages {

// A sampler belongs to one request. The same logits and parameters give the same tokens on every
// machine.
class Sampler {
 public:
  explicit Sampler(const SamplingParams& params) : params_(params) {}
  // Overwrites the logits. Errors: corrupt (one of them is no finite number).
  Result<int> next(std::span<float> logits);
  bool is_stop(int token) const;
  std::size_t count() const noexcept { return tokens_.size(); }
  bool exhausted() const noexcept {
    return tokens_.size() >= static_cast<std::size_t>(params_.max_tokens);
  }

 private:
  SamplingParams params_;
  std::vector<int> tokens_;
};

}  // namespace limelight::stages
