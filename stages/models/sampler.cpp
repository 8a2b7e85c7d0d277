#include "stages/models/sampler.hpp"

#include <algorithm>
#include <cmath>
#include <limelight/span.hpp>
#include <numeric>
#include <set>

#include "stages/models/weights.hpp"

namespace limelight::stages {

namespace prof = limelight::profiling;

namespace {
// A sum of products with 0 is 0 unless one of the numbers is infinite or none at all.
bool all_finite(std::span<const float> numbers) {
  float sum = 0;
  for (const float number : numbers) sum += number * 0.0f;
  return sum == 0;
}
}  // namespace

Result<int> Sampler::next(std::span<float> logits) {
  static const prof::NameId name =
      prof::intern("sample", prof::Category::cpu_op, prof::ValueKind::dims);
  const prof::Span span(name, prof::pack_dims(logits.size()));
  if (!all_finite(logits))
    return Error{ErrorCode::corrupt,
                 "step " + std::to_string(tokens_.size() + 1) +
                     " of this request gave logits that are not finite (NaN or infinite), "
                     "expected numbers: the weights or the prompt's embeddings are at fault"};
  if (params_.repetition_penalty != 1.0f)
    for (const int seen : std::set<int>(tokens_.begin(), tokens_.end())) {
      float& logit = logits[static_cast<std::size_t>(seen)];
      logit = logit > 0 ? logit / params_.repetition_penalty : logit * params_.repetition_penalty;
    }
  // Among equal logits the first one wins.
  int chosen = static_cast<int>(std::max_element(logits.begin(), logits.end()) - logits.begin());
  const auto larger = [&](int a, int b) {
    const float x = logits[static_cast<std::size_t>(a)], y = logits[static_cast<std::size_t>(b)];
    return x != y ? x > y : a < b;
  };
  if (params_.temperature > 0) {
    std::vector<int> order(logits.size());
    std::iota(order.begin(), order.end(), 0);
    const std::size_t keep =
        params_.top_k > 0
            ? std::min<std::size_t>(static_cast<std::size_t>(params_.top_k), order.size())
            : order.size();
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(keep), order.end(),
                      larger);
    order.resize(keep);
    std::vector<double> weights;
    double sum = 0;
    for (const int token : order) {
      weights.push_back(std::exp(
          (logits[static_cast<std::size_t>(token)] - logits[static_cast<std::size_t>(order[0])]) /
          params_.temperature));
      sum += weights.back();
    }
    double nucleus = 0;
    std::size_t kept = 0;
    while (kept < weights.size() && nucleus < params_.top_p * sum) nucleus += weights[kept++];
    const std::uint64_t random = mix64(mix64(params_.seed) ^ tokens_.size());
    double left = static_cast<double>(random >> 11) * 0x1p-53 * nucleus;
    std::size_t at = 0;
    while (at + 1 < kept && left >= weights[at]) left -= weights[at++];
    chosen = order[at];
  }
  tokens_.push_back(chosen);
  return chosen;
}

bool Sampler::is_stop(int token) const {
  return std::find(params_.stop_token_ids.begin(), params_.stop_token_ids.end(), token) !=
         params_.stop_token_ids.end();
}

}  // namespace limelight::stages
