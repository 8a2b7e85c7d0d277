#include "stages/models/rope.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include "base/try.hpp"

namespace limelight::stages {

namespace {

std::vector<double> plain(const RopeParameters& p) {
  std::vector<double> frequencies;
  for (int i = 0; i < p.dims / 2; ++i) frequencies.push_back(std::pow(p.base, -2.0 * i / p.dims));
  return frequencies;
}

// Long wavelengths are stretched by the factor, short ones stay, those between are mixed.
void stretch_as_llama3(const RopeParameters& p, std::vector<double>& frequencies) {
  for (double& frequency : frequencies) {
    const double wave = 2 * std::numbers::pi / frequency;
    const double longest = p.original_context / p.low, shortest = p.original_context / p.high;
    if (wave < shortest) continue;
    const double smooth =
        wave > longest ? 0 : (p.original_context / wave - p.low) / (p.high - p.low);
    frequency *= (1 - smooth) / *p.factor + smooth;
  }
}

// The place of the pair that turns `turns` times over the original context.
double pair_of(double turns, const RopeParameters& p) {
  return p.dims * std::log(p.original_context / (turns * 2 * std::numbers::pi)) /
         (2 * std::log(p.base));
}

void stretch_as_yarn(const RopeParameters& p, double factor, std::vector<double>& frequencies) {
  double low = pair_of(p.fast, p), high = pair_of(p.slow, p);
  if (p.truncate) low = std::floor(low), high = std::ceil(high);
  low = std::max(low, 0.0);
  high = std::min(high, p.dims - 1.0);
  if (low == high) high += 0.001;
  for (std::size_t i = 0; i < frequencies.size(); ++i) {
    const double stretched = std::clamp((static_cast<double>(i) - low) / (high - low), 0.0, 1.0);
    frequencies[i] *= stretched / factor + 1 - stretched;
  }
}

double yarn_scale(const RopeParameters& p, double factor) {
  const auto grown = [&](double m) { return factor <= 1 ? 1 : 0.1 * m * std::log(factor) + 1; };
  return p.mscale != 0 && p.mscale_all != 0 ? grown(p.mscale) / grown(p.mscale_all) : grown(1);
}

std::vector<float> floats(const std::vector<double>& values) {
  return {values.begin(), values.end()};
}

Result<void> check_rope(const RopeParameters& p) {
  const auto wrong = [](const std::string& what, const std::string& expected) {
    return Error{ErrorCode::corrupt, what + ", expected " + expected};
  };
  if (!(p.base > 1 && p.base < 1e15))
    return wrong("rope_theta: found " + std::to_string(p.base), "a number above 1");
  if (p.factor && !(*p.factor >= 1 && *p.factor < 1e6))
    return wrong("factor: found " + std::to_string(*p.factor), "1 or more");
  if ((p.type == "linear" || p.type == "llama3") && !p.factor)
    return wrong("factor: found none", "one, as rope_type is " + p.type);
  if (p.type == "llama3" && !(p.low > 0 && p.high > p.low))
    return wrong("low_freq_factor " + std::to_string(p.low) + " and high_freq_factor " +
                     std::to_string(p.high),
                 "the second one above the first");
  if (p.type == "longrope")
    for (const auto* factors : {&p.short_factor, &p.long_factor})
      if (factors->size() != static_cast<std::size_t>(p.dims / 2))
        return wrong(
            "short_factor or long_factor: found " + std::to_string(factors->size()) + " numbers",
            std::to_string(p.dims / 2) + ", one for each pair that is rotated");
  return {};
}

}  // namespace

Result<RopeShape> make_rope(const RopeParameters& given) {
  RopeParameters p = given;
  if (p.original_context <= 0) p.original_context = p.context;
  LIMELIGHT_TRY(check_rope(p));
  RopeShape rope;
  std::vector<double> frequencies = plain(p);
  // Dynamic scaling begins where a sequence is longer than max_position_embeddings; none is here.
  if (p.type == "default" || p.type == "dynamic") {
  } else if (p.type == "linear") {
    for (double& frequency : frequencies) frequency /= *p.factor;
  } else if (p.type == "llama3") stretch_as_llama3(p, frequencies);
  else if (p.type == "yarn") {
    const double factor = p.factor.value_or(p.context / p.original_context);
    stretch_as_yarn(p, factor, frequencies);
    rope.scale = static_cast<float>(p.attention_factor.value_or(yarn_scale(p, factor)));
  } else if (p.type == "longrope") {
    const double factor = p.factor.value_or(p.context / p.original_context);
    const double usual =
        factor <= 1 ? 1 : std::sqrt(1 + std::log(factor) / std::log(p.original_context));
    rope.scale = static_cast<float>(p.attention_factor.value_or(usual));
    std::vector<double> longer = frequencies;
    for (std::size_t i = 0; i < frequencies.size(); ++i) {
      frequencies[i] /= static_cast<double>(p.short_factor[i]);
      longer[i] /= static_cast<double>(p.long_factor[i]);
    }
    rope.long_frequencies = floats(longer);
    rope.short_length = static_cast<int>(p.original_context);
  } else
    return Error{ErrorCode::unavailable,
                 "rope_type: found '" + p.type.substr(0, 60) +
                     "', expected default, linear, dynamic, yarn, longrope or llama3"};
  rope.frequencies = floats(frequencies);
  return rope;
}

}  // namespace limelight::stages
