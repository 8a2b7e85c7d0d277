// The ranges of sampling parameters.
#include "stages/models/sampling_params.hpp"

#include <cmath>
#include <tuple>

namespace limelight::stages {

namespace {

constexpr int most_tokens = 1 << 20, most_answers = 128, most_logprobs = 20;
constexpr std::size_t most_stops = 64, most_stop_bytes = 1024, most_name_bytes = 256,
                      most_instruction_bytes = 1 << 16;
constexpr float most_bias = 100;

std::string text_of(float number) {
  std::string text = std::to_string(number);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.ends_with('.')) text.pop_back();
  return text;
}

}  // namespace

Result<void> check(const SamplingParams& p) {
  const auto wrong = [](const std::string& key, const std::string& found, const std::string& want) {
    return Error{ErrorCode::invalid_argument, key + ": found " + found + ", expected " + want};
  };
  const struct {
    const char* key;
    float value;
    bool good;
    const char* expected;
  } reals[] = {
      {"temperature", p.temperature, p.temperature >= 0, "0 or more"},
      {"top_p", p.top_p, p.top_p > 0 && p.top_p <= 1, "more than 0, and 1 at most"},
      {"min_p", p.min_p, p.min_p >= 0 && p.min_p <= 1, "0 to 1"},
      {"repetition_penalty", p.repetition_penalty, p.repetition_penalty > 0, "more than 0"},
      {"presence_penalty", p.presence_penalty, std::abs(p.presence_penalty) <= 2, "-2 to 2"},
      {"frequency_penalty", p.frequency_penalty, std::abs(p.frequency_penalty) <= 2, "-2 to 2"},
  };
  for (const auto& real : reals)
    if (!real.good || !std::isfinite(real.value))
      return wrong(real.key, text_of(real.value), real.expected);
  const auto whole = [&](const char* key, int value, int least, int most) -> Result<void> {
    if (value >= least && value <= most) return {};
    return wrong(key, std::to_string(value), std::to_string(least) + " to " + std::to_string(most));
  };
  if (p.top_k < -1) return wrong("top_k", std::to_string(p.top_k), "-1 or 0 (no limit), or more");
  if (p.max_tokens)
    if (auto good = whole("max_tokens", *p.max_tokens, 1, most_tokens); !good) return good;
  if (auto good = whole("min_tokens", p.min_tokens, 0, p.max_tokens.value_or(most_tokens)); !good)
    return good;
  if (auto good = whole("n", p.n, 1, most_answers); !good) return good;
  if (p.logprobs != -1)
    if (auto good = whole("logprobs", p.logprobs, 0, most_logprobs); !good) return good;
  for (const auto& [token, bias] : p.logit_bias) {
    if (token < 0)
      return wrong("logit_bias", "token " + std::to_string(token), "tokens of 0 or more");
    if (!(std::abs(bias) <= most_bias))
      return wrong("logit_bias", text_of(bias) + " for token " + std::to_string(token),
                   "-100 to 100");
  }
  if (p.stop.size() > most_stops)
    return wrong("stop", std::to_string(p.stop.size()) + " strings",
                 std::to_string(most_stops) + " at most");
  for (const std::string& stop : p.stop)
    if (stop.empty() || stop.size() > most_stop_bytes)
      return wrong("stop", "a string of " + std::to_string(stop.size()) + " bytes",
                   "1 to " + std::to_string(most_stop_bytes) + " bytes");
  for (const int token : p.stop_token_ids)
    if (token < 0) return wrong("stop_token_ids", std::to_string(token), "tokens of 0 or more");
  const std::tuple<const char*, const std::string*, std::size_t> texts[] = {
      {"speaker", &p.speech.speaker, most_name_bytes},
      {"language", &p.speech.language, most_name_bytes},
      {"instructions", &p.speech.instructions, most_instruction_bytes}};
  for (const auto& [key, text, most] : texts)
    if (text->size() > most)
      return wrong(key, "a text of " + std::to_string(text->size()) + " bytes",
                   std::to_string(most) + " at most");
  return {};
}

}  // namespace limelight::stages
