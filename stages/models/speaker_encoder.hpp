// The encoder of a voice's sample in Qwen2.5-Omni: ECAPA-TDNN (Desplanques, Thienpondt, Demuynck
// 2020), from a log-mel spectrogram to one vector.
//
//   blocks.0   convolution over time
//   blocks.n   convolutions of 1, in groups of channels of which each sees the one before it
//              (Res2Net, Gao et al. 2019), a gate by the mean over time; added to its input
//   mfa        convolution over all blocks but the first
//   asp        mean and deviation over time, weighted by attention
//   fc         linear
//
// Borders are mirrored. Rows are in the host's memory; a sample is encoded as a whole. One thread
// uses an encoder.
#pragma once

#include "stages/models/encoder_parts.hpp"
#include "stages/models/token2wav_model.hpp"

namespace limelight::stages {

class SpeakerEncoder {
 public:
  // weights: names as token2wav_tensors() has them after the prefix `at`. The device outlives the
  // encoder.
  SpeakerEncoder(const SpeakerShape& shape,
                 WeightLoader& weights,
                 Device& device,
                 const std::string& at);
  // mel: [frames, bands], shape.least_frames() or more. Returns [shape.out].
  std::vector<float> operator()(std::span<const float> mel,
                                const EncoderObserver& observe = {}) const;

 private:
  class Mirrored {
   public:
    Mirrored(WeightLoader& weights,
             Device& device,
             const std::string& name,
             int out,
             int in,
             int kernel,
             int dilation)
        : weights_(weights, device, name + ".conv", out, in * kernel, true, kernel),
          in_(in),
          kernel_(kernel),
          dilation_(dilation) {}
    // The convolution, then max(0, x).
    std::vector<float> operator()(std::span<const float> x) const;

   private:
    BiasedLinear weights_;
    int in_, kernel_, dilation_;
  };
  struct Block {
    Mirrored first;
    std::vector<Mirrored> groups;
    Mirrored second;
    BiasedLinear squeeze, widen;
  };
  std::vector<float> run(const Block& block, std::span<const float> x) const;
  std::vector<float> pool(std::span<const float> x) const;

  SpeakerShape shape_;
  Mirrored first_;
  std::vector<Block> blocks_;
  Mirrored sum_, attention_;
  BiasedLinear attention_out_, out_;
};

}  // namespace limelight::stages
