// Logprobs of one token on their way from a rank to the orchestrator, in a chunk of the channel
// that carries the text. Text is of the type uint8 there, these are of int32: the bytes of a token
// need not be text.
//
//   token_id  logprob  rank  n  bytes of the token, in (n + 3) / 4 words      the chosen one
//   ...                                                                       then the likeliest
//
// The words are those of this machine. Any thread may call these functions.
#pragma once

#include <cstdint>
#include <limelight/request.hpp>
#include <limelight/result.hpp>
#include <span>
#include <vector>

namespace limelight::actors {

std::vector<std::int32_t> to_words(const PositionLogprobs& of_token);
// Errors: corrupt (the words end within a token, or there are none).
Result<PositionLogprobs> logprobs_of(std::span<const std::int32_t> words);

}  // namespace limelight::actors
