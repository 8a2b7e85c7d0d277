// The part of cpu_kernels_impl.hpp that makes waves: the activation of networks whose output is
// sound. Everything is local to each file that includes it, for the reason stated there.
#pragma once

#include <cstring>

#include "stages/devices/cpu/cpu_kernels_floats.hpp"

namespace limelight::stages {

namespace {

// sin(x)^2 has the period pi, so that x is first brought to +-pi / 2: pi is subtracted in three
// parts, of which the products with a float are exact enough for any x below 10^6. sin(r) is
// Taylor's polynomial of degree 13; the error of the square is below 10^-7.
Floats squared_sine(Floats x) {
  const Floats n = rounded(times(x, all(0.318309886f)));
  Floats r = fused(n, all(-3.14159274f), x);
  r = fused(n, all(8.74227766e-8f), r);
  r = clamp(r, -1.5707964f, 1.5707964f);  // if x is so large that n is not exact
  const Floats square = times(r, r);
  Floats p = all(1.0f / 6227020800.0f);
  for (const float c : {-1.0f / 39916800, 1.0f / 362880, -1.0f / 5040, 1.0f / 120, -1.0f / 6, 1.0f})
    p = fused(p, square, all(c));
  const Floats sine = times(p, r);
  return times(sine, sine);
}

void snake(const float* x,
           const float* frequencies,
           const float* amplitudes,
           float* y,
           std::size_t count) {
  const auto some = [](const float* v, const float* f, const float* a, float* to) {
    const Floats value = read(v);
    write(to, fused(read(a), squared_sine(times(value, read(f))), value));
  };
  std::size_t i = 0;
  for (; i + width <= count; i += width) some(x + i, frequencies + i, amplitudes + i, y + i);
  if (i == count) return;
  float v[width] = {}, f[width] = {}, a[width] = {};
  std::memcpy(v, x + i, (count - i) * sizeof(float));
  std::memcpy(f, frequencies + i, (count - i) * sizeof(float));
  std::memcpy(a, amplitudes + i, (count - i) * sizeof(float));
  some(v, f, a, v);
  std::memcpy(y + i, v, (count - i) * sizeof(float));
}

}  // namespace

}  // namespace limelight::stages
