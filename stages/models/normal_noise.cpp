#include "stages/models/normal_noise.hpp"

#include <cmath>
#include <numbers>
#include <random>
#include <span>

namespace limelight::stages {

namespace {

constexpr std::size_t group = 16;

float uniform(std::mt19937& random) {
  return static_cast<float>(random() & ((1u << 24) - 1)) * 0x1p-24f;
}

void make_normal(std::span<float> numbers) {
  for (std::size_t i = 0; i < group / 2; ++i) {
    const float radius = std::sqrt(-2 * std::log(1 - numbers[i])),
                angle = 2 * std::numbers::pi_v<float> * numbers[i + group / 2];
    numbers[i] = radius * std::cos(angle);
    numbers[i + group / 2] = radius * std::sin(angle);
  }
}

double uniform_double(std::mt19937& random) {
  const std::uint64_t high = random(), low = random();
  return static_cast<double>((high << 32 | low) & ((std::uint64_t{1} << 53) - 1)) * 0x1p-53;
}

}  // namespace

std::vector<float> normal_noise(std::uint64_t seed, std::size_t count) {
  std::mt19937 random(static_cast<std::uint32_t>(seed));
  std::vector<float> numbers(count);
  if (count >= group) {
    for (float& number : numbers) number = uniform(random);
    const std::span<float> all(numbers);
    for (std::size_t at = 0; at + group <= count; at += group) make_normal(all.subspan(at, group));
    if (count % group != 0) {
      for (float& number : all.last(group)) number = uniform(random);
      make_normal(all.last(group));
    }
    return numbers;
  }
  for (std::size_t i = 0; i < count; i += 2) {
    const double angle = 2 * std::numbers::pi * uniform_double(random),
                 radius = std::sqrt(-2 * std::log1p(-uniform_double(random)));
    numbers[i] = static_cast<float>(radius * std::cos(angle));
    if (i + 1 < count) numbers[i + 1] = static_cast<float>(radius * std::sin(angle));
  }
  return numbers;
}

}  // namespace limelight::stages
