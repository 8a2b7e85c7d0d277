// Converts the rate of a mono sound piece by piece, by libsoxr in its quality HQ. One thread uses
// it.
#pragma once

#include <cstdint>
#include <limelight/result.hpp>
#include <memory>
#include <span>
#include <vector>

struct soxr;

namespace limelight::stages {

class Resampler {
 public:
  // from, to: in Hz. Errors: internal (the library's message).
  static Result<Resampler> make(int from, int to);
  Resampler(Resampler&&) noexcept;
  Resampler& operator=(Resampler&&) noexcept;
  ~Resampler();
  // Appends what can be computed so far to `out`.
  Result<void> push(std::span<const float> samples, std::vector<float>& out);
  // Appends the rest. `out` then has ceil(samples * to / from) more samples than before the first
  // push().
  Result<void> finish(std::vector<float>& out);

 private:
  Resampler() = default;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace limelight::stages
