#include "stages/models/sampler.hpp"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <limelight/span.hpp>
#include <limits>
#include <numeric>

#include "stages/models/weights.hpp"

namespace limelight::stages {

namespace prof = limelight::profiling;

namespace {
constexpr float greedy_below = 1e-5f;  // vLLM's _SAMPLING_EPS

// A sum of products with 0 is 0 unless one of the numbers is infinite or none at all.
// Several sums, since each addition waits for the one before it.
bool all_finite(std::span<const float> numbers) {
  float sums[16] = {};
  std::size_t i = 0;
  for (; i + 16 <= numbers.size(); i += 16)
    for (std::size_t lane = 0; lane < 16; ++lane) sums[lane] += numbers[i + lane] * 0.0f;
  for (; i < numbers.size(); ++i) sums[0] += numbers[i] * 0.0f;
  return std::all_of(std::begin(sums), std::end(sums), [](float sum) { return sum == 0; });
}

// The first of the largest numbers, which are finite.
int place_of_largest(std::span<const float> numbers) {
  float tops[16];
  std::fill(std::begin(tops), std::end(tops), std::numeric_limits<float>::lowest());
  std::size_t i = 0;
  for (; i + 16 <= numbers.size(); i += 16)
    for (std::size_t lane = 0; lane < 16; ++lane)
      tops[lane] = tops[lane] < numbers[i + lane] ? numbers[i + lane] : tops[lane];
  for (; i < numbers.size(); ++i) tops[0] = std::max(tops[0], numbers[i]);
  const float top = *std::max_element(std::begin(tops), std::end(tops));
  return static_cast<int>(std::find(numbers.begin(), numbers.end(), top) - numbers.begin());
}

// Sorts tokens by their logits, the largest first, and among equal ones the smaller token; no
// further than somebody asks, since a nucleus rarely needs the whole vocabulary.
class Ranking {
 public:
  Ranking(std::span<const float> logits, std::vector<int> tokens)
      : logits_(logits), tokens_(std::move(tokens)) {}
  int operator[](std::size_t place) {
    if (place >= sorted_) sort_to(std::max<std::size_t>(2 * place, 64));
    return tokens_[place];
  }
  std::size_t size() const noexcept { return tokens_.size(); }
  std::span<const int> tokens() const noexcept { return tokens_; }
  void keep(std::size_t most) {
    if (most >= tokens_.size()) return;
    sort_to(most);
    tokens_.resize(most);
  }

 private:
  void sort_to(std::size_t end) {
    end = std::min(end, tokens_.size());
    const auto at = [&](std::size_t i) { return tokens_.begin() + static_cast<std::ptrdiff_t>(i); };
    std::partial_sort(at(sorted_), at(end), tokens_.end(), [&](int a, int b) {
      const float x = logits_[static_cast<std::size_t>(a)],
                  y = logits_[static_cast<std::size_t>(b)];
      return x != y ? x > y : a < b;
    });
    sorted_ = end;
  }
  std::span<const float> logits_;
  std::vector<int> tokens_;
  std::size_t sorted_ = 0;
};

std::vector<int> all_tokens(std::size_t count) {
  std::vector<int> tokens(count);
  std::iota(tokens.begin(), tokens.end(), 0);
  return tokens;
}

// The log softmax of chosen logits: of the likeliest tokens now, of any other later.
class LogSoftmax {
 public:
  explicit LogSoftmax(std::span<const float> logits)
      : logits_(logits.begin(), logits.end()),
        largest_(*std::max_element(logits.begin(), logits.end())) {
    double sum = 0;
    for (const float logit : logits_) sum += std::exp(static_cast<double>(logit) - largest_);
    log_sum_ = std::log(sum);
  }
  TokenLogprob of(int token) const {
    const float logit = logits_[static_cast<std::size_t>(token)];
    const auto larger =
        std::count_if(logits_.begin(), logits_.end(), [&](float other) { return other > logit; });
    return {.token_id = token,
            .logprob = static_cast<float>(static_cast<double>(logit) - largest_ - log_sum_),
            .rank = static_cast<std::int32_t>(larger) + 1,
            .token = {}};
  }
  std::vector<TokenLogprob> top(std::size_t count) const {
    Ranking ranking(logits_, all_tokens(logits_.size()));
    std::vector<TokenLogprob> all;
    for (std::size_t i = 0; i < std::min(count, logits_.size()); ++i) all.push_back(of(ranking[i]));
    return all;
  }

 private:
  std::vector<float> logits_;
  double largest_, log_sum_ = 0;
};

}  // namespace

void Sampler::set_prompt(std::span<const int> tokens) {
  if (params_.repetition_penalty == 1.0f) return;
  for (const int token : tokens) seen_.try_emplace(token, 0);
}

void Sampler::penalize(std::span<float> logits) const {
  const auto ban = [&](int token) {
    if (token >= 0 && static_cast<std::size_t>(token) < logits.size())
      logits[static_cast<std::size_t>(token)] = std::numeric_limits<float>::lowest();
  };
  for (const auto& [token, bias] : params_.logit_bias)
    if (token >= 0 && static_cast<std::size_t>(token) < logits.size())
      logits[static_cast<std::size_t>(token)] += bias;
  for (const auto& [token, times] : seen_) {
    float& logit = logits[static_cast<std::size_t>(token)];
    logit = logit > 0 ? logit / params_.repetition_penalty : logit * params_.repetition_penalty;
    logit -= params_.frequency_penalty * static_cast<float>(times);
    if (times > 0) logit -= params_.presence_penalty;
  }
  if (count_ >= static_cast<std::size_t>(params_.min_tokens)) return;
  for (const int token : ends_) ban(token);
  for (const int token : params_.stop_token_ids) ban(token);
}

int Sampler::draw(std::span<const float> logits) const {
  const double largest = *std::max_element(logits.begin(), logits.end());
  const auto weight = [&](int token) {
    return std::exp((logits[static_cast<std::size_t>(token)] - largest) /
                    static_cast<double>(params_.temperature));
  };
  std::vector<int> tokens = all_tokens(logits.size());
  if (params_.min_p > 0)
    std::erase_if(tokens, [&](int token) { return weight(token) < params_.min_p; });
  Ranking ranking(logits, std::move(tokens));
  if (params_.top_k > 0) ranking.keep(static_cast<std::size_t>(params_.top_k));
  double nucleus = 0;
  std::size_t kept = ranking.size();
  for (const int token : ranking.tokens()) nucleus += weight(token);
  if (params_.top_p < 1) {
    const double wanted = params_.top_p * nucleus;
    nucleus = 0;
    for (kept = 0; kept < ranking.size() && nucleus < wanted; ++kept)
      nucleus += weight(ranking[kept]);
  }
  const std::uint64_t random = mix64(mix64(params_.seed.value_or(0)) ^ count_);
  double left = static_cast<double>(random >> 11) * 0x1p-53 * nucleus;
  std::size_t at = 0;
  for (; at + 1 < kept; ++at) {
    const double next = weight(ranking[at]);
    if (left < next) break;
    left -= next;
  }
  return ranking[at];
}

Result<int> Sampler::next(std::span<float> logits) {
  static const prof::NameId name =
      prof::intern("sample", prof::Category::cpu_op, prof::ValueKind::dims);
  const prof::Span span(name, prof::pack_dims(logits.size()));
  if (!all_finite(logits))
    return Error{ErrorCode::corrupt,
                 "step " + std::to_string(count_ + 1) +
                     " of this request gave logits that are not finite (NaN or infinite), "
                     "expected numbers: the weights or the prompt's embeddings are at fault"};
  std::optional<LogSoftmax> raw;
  if (params_.logprobs >= 0) raw.emplace(logits);
  penalize(logits);
  // Among equal logits the first one wins.
  const int chosen = params_.temperature < greedy_below ? place_of_largest(logits) : draw(logits);
  if (raw) logprobs_ = {raw->of(chosen), raw->top(static_cast<std::size_t>(params_.logprobs))};
  if (params_.repetition_penalty != 1.0f || params_.presence_penalty != 0.0f ||
      params_.frequency_penalty != 0.0f)
    ++seen_[chosen];
  ++count_;
  return chosen;
}

bool Sampler::is_stop(int token) const {
  return std::find(params_.stop_token_ids.begin(), params_.stop_token_ids.end(), token) !=
         params_.stop_token_ids.end();
}

}  // namespace limelight::stages
