// The transformer that a Qwen2.5-Omni's spectrograms are sampled with (DiT, Peebles and Xie 2023;
// as in F5-TTS, Chen et al. 2024): in which direction a noisy log-mel spectrogram changes at a
// time, for the codes and the voice that it belongs to.
//
//   rows       linear layer over the noisy frame, the encoded sample of the voice, the embedding of
//              the frame's code, and the voice's vector
//   layers     x += gate * attention(norm(x) * (1 + scale) + shift), then the same with a
//              feed-forward network; gates, scales and shifts are linear in the time's embedding.
//              Attention is among blocks of frames; only the first head turns with the position
//   out        norm, scale and shift, linear
//
// It computes two answers at a time, with codes and voice and without, and returns what lies beyond
// the first one as seen from the second (classifier-free guidance, Ho and Salimans 2022). Rows are
// in the host's memory; the products of linear layers run on the device. One thread uses it.
#pragma once

#include <cstdint>

#include "stages/models/encoder_parts.hpp"
#include "stages/models/speaker_encoder.hpp"
#include "stages/models/token2wav_model.hpp"

namespace limelight::stages {

class DiffusionTransformer {
 public:
  // weights: names as token2wav_tensors() has them after the prefix `at`. guidance: how far beyond.
  // The device outlives it.
  DiffusionTransformer(const DiffusionShape& shape,
                       WeightLoader& weights,
                       Device& device,
                       const std::string& at,
                       float guidance = 0.5f);

  // What belongs to a sound and not to a time: the first layer's sums over all but the frame,
  // [2 * frames, hidden], those with codes and voice first.
  struct Condition {
    int frames = 0;
    std::vector<float> rows;
  };
  // codes: each at most shape.codes.
  Condition condition(const Voice& voice,
                      std::span<const std::int32_t> codes,
                      const EncoderObserver& observe = {}) const;
  // mel: [frames, bands]. Returns as many numbers.
  std::vector<float> slope(const Condition& condition,
                           float time,
                           std::span<const float> mel,
                           const EncoderObserver& observe = {}) const;

 private:
  struct Layer {
    BiasedLinear modulation, q, k, v, o, widen, narrow;
  };
  std::vector<float> embed(float time) const;
  void run(std::size_t index, std::span<const float> time, std::vector<float>& x) const;
  void turn(std::span<float> heads, std::size_t frames) const;

  DiffusionShape shape_;
  float guidance_;
  SpeakerEncoder speaker_;
  BiasedLinear time1_, time2_;
  std::vector<float> code_embedding_;  // [codes + 1, code_width]
  // The parts of the first layer: for the frame, and for all else with its bias.
  std::unique_ptr<Matrix> in_frame_, in_rest_;
  std::vector<float> in_bias_;
  std::vector<Layer> layers_;
  BiasedLinear out_modulation_, out_;
  Device& device_;
};

}  // namespace limelight::stages
