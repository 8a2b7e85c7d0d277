#include "stages/media/resampler.hpp"

#include <soxr.h>

#include <algorithm>
#include <array>

#include "base/try.hpp"

namespace limelight::stages {

struct Resampler::State {
  soxr_t soxr = nullptr;
  int from = 1, to = 1;
  std::uint64_t pushed = 0, made = 0;
  State() = default;
  State(const State&) = delete;
  ~State() { soxr_delete(soxr); }

  // samples: nullptr ends the input.
  Result<void> process(const float* samples, std::size_t count, std::vector<float>& out) {
    std::array<float, 4096> piece;
    std::size_t used = 0, got = 0;
    do {
      std::size_t taken = 0;
      const float* at = samples == nullptr ? nullptr : samples + used;
      if (const char* failed =
              soxr_process(soxr, at, count - used, &taken, piece.data(), piece.size(), &got))
        return Error{ErrorCode::internal, std::string("libsoxr: ").append(failed)};
      used += taken;
      out.insert(out.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(got));
      made += got;
    } while (used < count || got == piece.size());
    return {};
  }
};

Resampler::Resampler(Resampler&&) noexcept = default;
Resampler& Resampler::operator=(Resampler&&) noexcept = default;
Resampler::~Resampler() = default;

Result<Resampler> Resampler::make(int from, int to) {
  Resampler made;
  made.state_ = std::make_unique<State>();
  made.state_->from = from;
  made.state_->to = to;
  soxr_error_t failed = nullptr;
  const soxr_io_spec_t format = soxr_io_spec(SOXR_FLOAT32_I, SOXR_FLOAT32_I);
  const soxr_quality_spec_t quality = soxr_quality_spec(SOXR_HQ, 0);
  made.state_->soxr = soxr_create(from, to, 1, &failed, &format, &quality, nullptr);
  if (failed != nullptr) return Error{ErrorCode::internal, std::string("libsoxr: ").append(failed)};
  return made;
}

Result<void> Resampler::push(std::span<const float> samples, std::vector<float>& out) {
  state_->pushed += samples.size();
  return samples.empty() ? Result<void>() : state_->process(samples.data(), samples.size(), out);
}

Result<void> Resampler::finish(std::vector<float>& out) {
  LIMELIGHT_TRY(state_->process(nullptr, 0, out));
  const auto from = static_cast<std::uint64_t>(state_->from);
  const std::uint64_t wanted =
      (state_->pushed * static_cast<std::uint64_t>(state_->to) + from - 1) / from;
  out.resize(out.size() - state_->made + wanted);  // the library rounds in its own way
  return {};
}

}  // namespace limelight::stages
