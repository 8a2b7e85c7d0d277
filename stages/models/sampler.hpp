// Chooses the next token from logits, as vLLM does: logit_bias, repetition penalty (Keskar et al.
// 2019), presence and frequency penalty, temperature, min_p (Nguyen et al. 2024), top_k, top_p
// (Holtzman et al. 2020), in this order. One thread uses a sampler.
#pragma once

#include <cstdint>
#include <limelight/config.hpp>
#include <limelight/request.hpp>
#include <limelight/result.hpp>
#include <map>
#include <span>
#include <vector>

namespace limelight::stages {

// A sampler belongs to one request. The same logits and parameters give the same tokens on every
// machine.
class Sampler {
 public:
  // Without a seed it is 0, without max_tokens there is no limit.
  explicit Sampler(const SamplingParams& params) : params_(params) {}
  // Says what the output follows: the repetition penalty counts these tokens, too.
  void set_prompt(std::span<const int> tokens);
  // The tokens that end an answer, beside stop_token_ids: not chosen before min_tokens.
  void set_ends(std::vector<int> tokens) { ends_ = std::move(tokens); }
  // Overwrites the logits. Errors: corrupt (one of them is no finite number).
  Result<int> next(std::span<float> logits);
  // Of the token that next() chose; without the tokens' bytes. Only where params.logprobs asks.
  const PositionLogprobs& logprobs() const noexcept { return logprobs_; }
  bool is_stop(int token) const;
  std::size_t count() const noexcept { return count_; }
  bool exhausted() const noexcept {
    return params_.max_tokens && count_ >= static_cast<std::size_t>(*params_.max_tokens);
  }
  const SamplingParams& params() const noexcept { return params_; }

 private:
  void penalize(std::span<float> logits) const;
  int draw(std::span<const float> logits) const;

  SamplingParams params_;
  std::map<int, int> seen_;  // tokens of prompt and output; how often in the output
  std::vector<int> ends_;
  std::size_t count_ = 0;  // of the output
  PositionLogprobs logprobs_;
};

}  // namespace limelight::stages
