// The audio encoders of Qwen3-Omni (Qwen3OmniMoeAudioEncoder of transformers) and Qwen2.5-Omni:
// log-mel frames to rows that the thinker reads in place of tokens. That of Qwen3-Omni:
//
//   frames     in chunks of 2 * window; a last chunk may be shorter
//   stem       three convolutions of 3 x 3 with stride 2 and GELU over bands and time, then a
//              linear layer over channels and bands, and sinusoids for the time within the
//              chunk
//   layers     x += attention(norm(x)); x += fc2(gelu(fc1(norm(x)))); attention among the rows of
//              `attention` frames of a sound
//   end        norm, linear, GELU, linear
//
// That of Qwen2.5-Omni (Qwen2_5OmniAudioEncoder, shape.pooled) differs:
//
//   stem       two convolutions of 3 over time with GELU, the second one with stride 2, and
//              sinusoids; a chunk is alone
//   layers     attention among the rows of a chunk
//   end        the mean of each two rows of a sound, norm, linear
//
// As in the reference, a chunk of Qwen3-Omni is followed by silence until it is as long as the
// longest chunk of the request, which the last rows of the chunk feel a little. One thread uses an
// encoder.
#pragma once

#include "stages/media/log_mel.hpp"
#include "stages/models/encoder_config.hpp"
#include "stages/models/encoder_parts.hpp"

namespace limelight::stages {

class AudioEncoder {
 public:
  // weights: names as tensors_of() has them after the prefix `at`. The device outlives the encoder.
  AudioEncoder(const AudioEncoderShape& shape,
               WeightLoader& weights,
               Device& device,
               const std::string& at = "audio_tower.");
  // The sounds of one request. Returns [shape.tokens(frames), shape.out] for each. Errors:
  // invalid_argument (a sound has no frames, or another number of mels).
  Result<std::vector<std::vector<float>>> encode(std::span<const LogMelSound> sounds,
                                                 const EncoderObserver& observe = {}) const;

 private:
  struct Layer {
    LayerNorm attention_norm, mlp_norm;
    BiasedLinear q, k, v, o, fc1, fc2;
  };
  // A chunk's mels, [mels, frames] of which the first are of the sound, to [times, hidden].
  std::vector<float> stem(std::span<const float> mels, int frames) const;
  std::vector<float> pooled_stem(std::span<const float> mels, int frames) const;
  // The mean of each two rows of each sound.
  std::vector<float> pool(std::span<const LogMelSound> sounds, std::span<const float> x) const;
  void run(const Layer& layer, std::vector<float>& x, std::span<const int> ends) const;

  AudioEncoderShape shape_;
  std::vector<BiasedLinear> convolutions_;  // and what comes behind them
  std::vector<Layer> layers_;
  LayerNorm norm_;
  std::vector<BiasedLinear> end_;
};

}  // namespace limelight::stages
