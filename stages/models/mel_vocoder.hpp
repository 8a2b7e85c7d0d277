// Log-mel spectrogram to waveform, as in Qwen2.5-Omni (BigVGAN, Lee et al. 2023):
//
//   frames [frames, bands]                          decibels, -115 to 0 become -1 to 1
//     -> convolution                                [frames, channels]
//     -> for each rate: transposed convolution,     [.. * rate, half as many channels]
//        mean of units, each x += convolution(snake(convolution(snake(x)))) three times
//     -> snake, convolution, clamped to +-1         [samples]
//
// Parts see both sides of a row, so a piece of the waveform is computed of its frames and of some
// around them, VocoderShape::context(): the pieces are those of the whole, to the last bit. Memory
// is that of one piece. One thread uses a vocoder.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "stages/models/smooth_snake.hpp"
#include "stages/models/token2wav_model.hpp"

namespace limelight::stages {

class MelVocoder {
 public:
  // files: with the tensors of token2wav_tensors(), those of the vocoder after the prefix `at`.
  // The device outlives the vocoder. dtype: as ConvolutionLoader has it.
  MelVocoder(const VocoderShape& shape,
             const TensorFiles& files,
             Device& device,
             const std::string& at,
             ipc::DType dtype);

  // The samples of frames [from, to) of mel, [frames, bands]; with the last frame, all that follow.
  std::vector<float> sound(std::span<const float> mel, std::int64_t from, std::int64_t to);

  // Called with what each part gives, for those who compare it.
  std::function<void(const std::string& part, std::span<const float> rows)> observe;

 private:
  struct Unit {
    std::vector<SmoothSnake> snakes;        // six
    std::vector<Convolution> convolutions;  // six
    std::vector<int> reach;                 // of each: rows that it sees on each side
  };
  struct Level {
    Convolution wider;
    std::vector<Unit> units;
  };
  // The same rows with `reach` rows of zeros around them.
  void convolve(const Convolution& convolution, int reach, std::span<const float> x, Array& y);
  void widen(std::size_t level, Array& x);
  void seen(const std::string& part, std::span<const float> rows) const;

  VocoderShape shape_;
  Device& device_;
  Array scratch_, inner_, smooth_, unit_, mean_;
  std::vector<Convolution> first_, last_;  // one each
  std::vector<Level> levels_;
  std::vector<SmoothSnake> last_snake_;  // one
};

}  // namespace limelight::stages
