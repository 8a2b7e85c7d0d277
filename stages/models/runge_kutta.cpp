#include "stages/models/runge_kutta.hpp"

#include <cmath>
#include <numbers>

namespace limelight::stages {

std::vector<float> sway_times(int count, float coefficient) {
  std::vector<float> times;
  const float step = 1 / static_cast<float>(count - 1);
  for (int i = 0; i < count; ++i) {
    // From the nearer end, so that both ends are exact.
    const float t =
        i < count / 2 ? step * static_cast<float>(i) : 1 - step * static_cast<float>(count - 1 - i);
    times.push_back(t + coefficient * (std::cos(std::numbers::pi_v<float> / 2 * t) - 1 + t));
  }
  return times;
}

void runge_kutta_step(const Slope& slope, float from, float to, std::vector<float>& state) {
  constexpr float third = 1.0f / 3, two_thirds = 2.0f / 3;
  const float step = to - from;
  const std::size_t count = state.size();
  std::vector<float> at(count);
  const auto move = [&](const auto& by) {
    for (std::size_t i = 0; i < count; ++i) at[i] = state[i] + by(i);
    return std::span<const float>(at);
  };
  const std::vector<float> k1 = slope(from, state);
  const std::vector<float> k2 =
      slope(from + step * third, move([&](std::size_t i) { return step * k1[i] * third; }));
  const std::vector<float> k3 =
      slope(from + step * two_thirds,
            move([&](std::size_t i) { return step * (k2[i] - k1[i] * third); }));
  const std::vector<float> k4 =
      slope(to, move([&](std::size_t i) { return step * (k1[i] - k2[i] + k3[i]); }));
  for (std::size_t i = 0; i < count; ++i)
    state[i] += (k1[i] + 3 * (k2[i] + k3[i]) + k4[i]) * step / 8;
}

}  // namespace limelight::stages
