#include "stages/media/log_mel.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

namespace limelight::stages {

namespace {

using Complex = std::complex<double>;

// Slaney's Auditory Toolbox (1998): linear below 1000 Hz, 200/3 Hz a mel; above, 27 mels for each
// factor of 6.4.
constexpr double hz_of_a_mel = 200.0 / 3, first_log_hz = 1000, first_log_mel = 15;
const double log_step = std::log(6.4) / 27;

double mel_of(double hz) {
  return hz < first_log_hz ? hz / hz_of_a_mel
                           : first_log_mel + std::log(hz / first_log_hz) / log_step;
}
double hz_of(double mel) {
  return mel < first_log_mel ? mel * hz_of_a_mel
                             : first_log_hz * std::exp(log_step * (mel - first_log_mel));
}

}  // namespace

Result<LogMel> LogMel::make(const LogMelShape& s) {
  const auto wrong = [](const char* what, int found, int most) {
    return Error{ErrorCode::invalid_argument, std::string(what) + ": found " +
                                                  std::to_string(found) + ", expected 1 to " +
                                                  std::to_string(most)};
  };
  if (s.mels < 1 || s.mels > 1024) return wrong("feature_size", s.mels, 1024);
  if (s.n_fft < 2 || s.n_fft > 1 << 14) return wrong("n_fft", s.n_fft, 1 << 14);
  if (s.hop < 1 || s.hop > s.n_fft) return wrong("hop_length", s.hop, s.n_fft);
  if (s.rate < 1 || s.rate > 384'000) return wrong("sampling_rate", s.rate, 384'000);
  return LogMel(s);
}

LogMel::LogMel(const LogMelShape& shape) : shape_(shape), fourier_(shape.n_fft) {
  const int bins = shape.n_fft / 2 + 1;
  for (int n = 0; n < shape.n_fft; ++n)
    window_.push_back(0.5 - 0.5 * std::cos(2 * std::numbers::pi * n / shape.n_fft));
  constexpr double highest_hz = 8000;
  const auto edge = [&](int m) { return hz_of(mel_of(highest_hz) * m / (shape.mels + 1)); };
  for (int m = 0; m < shape.mels; ++m) {
    const double low = edge(m), middle = edge(m + 1), high = edge(m + 2);
    Triangle triangle;
    for (int b = 0; b < bins; ++b) {
      // The reference divides the frequencies of the bins evenly up to half the rate.
      const double hz = bins > 1 ? shape.rate / 2 * static_cast<double>(b) / (bins - 1) : 0;
      const double weight =
          std::min((hz - low) / (middle - low), (high - hz) / (high - middle)) * 2 / (high - low);
      if (weight <= 0) continue;
      if (triangle.weights.empty()) triangle.first = static_cast<std::size_t>(b);
      triangle.weights.push_back(weight);
    }
    triangles_.push_back(std::move(triangle));
  }
}

Result<std::vector<LogMelSound>> LogMel::compute(std::span<const std::vector<float>> sounds) const {
  std::size_t padded = 0;
  const auto hop = static_cast<std::size_t>(shape_.hop);
  for (const auto& sound : sounds) padded = std::max(padded, sound.size());
  const std::size_t longest = padded;
  if (shape_.samples > 0) padded = static_cast<std::size_t>(shape_.samples);
  if (longest > padded)
    return Error{ErrorCode::invalid_argument, "found a sound of " + std::to_string(longest) +
                                                  " samples at " + std::to_string(shape_.rate) +
                                                  " Hz, expected at most " +
                                                  std::to_string(padded)};
  const auto least = static_cast<std::size_t>(shape_.n_fft / 2 + 1);
  if (!sounds.empty() && padded < std::max(least, hop))
    return Error{ErrorCode::invalid_argument, "found a sound of " + std::to_string(padded) +
                                                  " samples at " + std::to_string(shape_.rate) +
                                                  " Hz, expected at least " +
                                                  std::to_string(std::max(least, hop))};
  std::vector<LogMelSound> computed;
  for (const auto& sound : sounds)
    computed.push_back(
        compute(sound, padded, std::min(padded / hop, (sound.size() + hop - 1) / hop)));
  return computed;
}

LogMelSound LogMel::compute(std::span<const float> sound,
                            std::size_t padded,
                            std::size_t frames) const {
  const auto size = window_.size(), hop = static_cast<std::size_t>(shape_.hop), before = size / 2;
  // The largest value may be in a frame that is not kept, but reaches back into the sound.
  const std::size_t kept = frames;
  frames = std::min(padded / hop, (sound.size() + before + hop - 1) / hop);
  std::vector<float> values(triangles_.size() * frames);
  // Two frames go through one transform, as its real and imaginary part.
  std::vector<Complex> in(size), spectrum(size);
  std::vector<double> first(size / 2 + 1), second(size / 2 + 1);
  const auto sample = [&](std::size_t frame, std::size_t n) {
    auto at = static_cast<std::ptrdiff_t>(frame * hop + n) - static_cast<std::ptrdiff_t>(before);
    const auto last = static_cast<std::ptrdiff_t>(padded) - 1;
    if (at < 0) at = -at;
    if (at > last) at = 2 * last - at;
    return at < static_cast<std::ptrdiff_t>(sound.size())
               ? static_cast<double>(sound[static_cast<std::size_t>(at)])
               : 0;
  };
  for (std::size_t f = 0; f < frames; f += 2) {
    const bool pair = f + 1 < frames;
    for (std::size_t n = 0; n < size; ++n)
      in[n] = {window_[n] * sample(f, n), pair ? window_[n] * sample(f + 1, n) : 0};
    fourier_.transform(in, spectrum);
    for (std::size_t k = 0; k < first.size(); ++k) {
      const Complex a = spectrum[k], b = std::conj(spectrum[(size - k) % size]);
      first[k] = std::norm(a + b) / 4;
      second[k] = std::norm(a - b) / 4;
    }
    add(first, values, f, frames);
    if (pair) add(second, values, f + 1, frames);
  }
  const float largest = values.empty() ? 0 : *std::max_element(values.begin(), values.end());
  LogMelSound out{static_cast<int>(kept), {}};
  for (std::size_t m = 0; m < triangles_.size(); ++m)
    for (std::size_t f = 0; f < kept; ++f)
      out.values.push_back((std::max(values[m * frames + f], largest - 8) + 4) / 4);
  return out;
}

void LogMel::add(std::span<const double> power,
                 std::span<float> to,
                 std::size_t frame,
                 std::size_t frames) const {
  for (std::size_t m = 0; m < triangles_.size(); ++m) {
    double sum = 0;
    for (std::size_t i = 0; i < triangles_[m].weights.size(); ++i)
      sum += triangles_[m].weights[i] * power[triangles_[m].first + i];
    to[m * frames + frame] = static_cast<float>(std::log10(std::max(sum, 1e-10)));
  }
}

}  // namespace limelight::stages
