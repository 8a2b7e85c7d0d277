// Follows an ordinary differential equation from time 0 to 1, as the reference does for the mel
// spectrogram of a Qwen2.5-Omni: Kutta's method of order 4 with the 3/8 rule (Kutta 1901), at times
// that sway sampling has moved (F5-TTS, Chen et al. 2024). All is float32, as it is there.
#pragma once

#include <functional>
#include <span>
#include <vector>

namespace limelight::stages {

// `count` times from 0 to 1, two or more: t + coefficient * (cos(pi / 2 * t) - 1 + t) for evenly
// spaced t.
std::vector<float> sway_times(int count, float coefficient);

// The derivative of the state at a time.
using Slope = std::function<std::vector<float>(float time, std::span<const float> state)>;
// One step of the state, from a time to another. Asks for four slopes.
void runge_kutta_step(const Slope& slope, float from, float to, std::vector<float>& state);

}  // namespace limelight::stages
