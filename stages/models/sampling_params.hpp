// The sampling parameters that are numbers, by the names that a config and a request give them.
#pragma once

#include <limelight/config.hpp>

namespace limelight::stages {

// Calls each(name, member) for all but the seed, which has 64 bits, and n, which only a request
// has.
template <class Each>
void for_each_number(SamplingParams& p, const Each& each) {
  each("temperature", p.temperature);
  each("top_p", p.top_p);
  each("min_p", p.min_p);
  each("repetition_penalty", p.repetition_penalty);
  each("presence_penalty", p.presence_penalty);
  each("frequency_penalty", p.frequency_penalty);
  each("top_k", p.top_k);
  each("max_tokens", p.max_tokens);
  each("min_tokens", p.min_tokens);
  each("logprobs", p.logprobs);
}

}  // namespace limelight::stages
