// The log-mel spectrogram that Whisper's models and their successors read (Radford and others,
// 2022), as WhisperFeatureExtractor of transformers computes it.
//
//   frame f            samples around f * hop, under a Hann window of n_fft samples; the sound is
//                      reflected at its ends
//   power              |DFT|^2 of each frame
//   mel                sums of power under triangles, which lie evenly on Slaney's mel scale
//                      between 0 and 8000 Hz and have an area of 1
//   value              log10 of that, 1e-10 at least; then 8 below the largest of the sound at
//                      least; then (value + 4) / 4
//
// Sounds of one request are computed together, as the reference does: each is followed by silence
// until it is as long as the longest. Computed in double; the reference does in float32.
#pragma once

#include <limelight/result.hpp>
#include <span>
#include <vector>

#include "stages/media/fourier.hpp"

namespace limelight::stages {

struct LogMelShape {
  int mels = 128;
  int n_fft = 400, hop = 160;  // in samples
  int rate = 16'000;           // in Hz
  // Each sound is followed by silence until it has so many samples, of which only the frames of the
  // sound are kept, and no sound is longer; 0: until it is as long as the longest of its request.
  int samples = 0;
};

struct LogMelSound {
  int frames = 0;
  std::vector<float> values;  // [mels, frames]
};

class LogMel {
 public:
  // Errors: invalid_argument (a number of the shape is out of its range).
  static Result<LogMel> make(const LogMelShape& shape);
  const LogMelShape& shape() const noexcept { return shape_; }
  // A sound of n samples has n / hop frames; a shorter one than the longest has one more for a
  // rest of n / hop. Errors: invalid_argument (the longest sound is too short to be reflected).
  Result<std::vector<LogMelSound>> compute(std::span<const std::vector<float>> sounds) const;

 private:
  explicit LogMel(const LogMelShape& shape);
  LogMelSound compute(std::span<const float> sound, std::size_t padded, std::size_t frames) const;
  // Adds the mels of a frame's powers to column `frame` of `to`.
  void add(std::span<const double> power,
           std::span<float> to,
           std::size_t frame,
           std::size_t frames) const;

  struct Triangle {
    std::size_t first = 0;  // the lowest frequency that counts
    std::vector<double> weights;
  };
  LogMelShape shape_;
  Fourier fourier_;
  std::vector<double> window_;
  std::vector<Triangle> triangles_;
};

}  // namespace limelight::stages
