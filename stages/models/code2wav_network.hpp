// Codes to waveform, as in Qwen3-Omni and Qwen3-TTS:
//
//   codes [frames, codebooks]
//     -> mean of the codebooks' embeddings; or, in Qwen3-TTS, their sum, a convolution, and linear
//        layers around the transformer
//     -> transformer with a window                           [frames, hidden]
//     -> for each ratio: transposed convolution, ConvNeXt    [frames * ratio, hidden]
//     -> convolution                                         [.., channels]
//     -> for each rate: Snake, transposed convolution,       [.. * rate, half as many channels]
//        three residual units of Snake and convolutions
//     -> Snake, convolution, clamped to +-1                  [samples]
//
// Every part is causal, but for transposed convolutions that look one row ahead (see
// Code2WavShape), and keeps what it needs of the past in a Stream. So a stream may come in pieces
// of any size, and gives the samples of all of its frames at once, to the last bit. A stream's
// memory does not grow with its length.
//
// One thread uses a network.
#pragma once

#include <cstdint>
#include <functional>
#include <limelight/config.hpp>
#include <span>
#include <string>
#include <vector>

#include "stages/models/code2wav_model.hpp"
#include "stages/models/code2wav_weights.hpp"
#include "stages/models/convolution_loader.hpp"
#include "stages/models/decoder.hpp"

namespace limelight::stages {

class Code2WavNetwork {
 public:
  // streams: how many have keys and values at a time.
  Code2WavNetwork(const StageConfig& config,
                  std::shared_ptr<const Code2WavModel> model,
                  int streams,
                  Device& device);

  struct Stream {
    KvCache::Sequence sequence;  // its blocks come again and again: see hold()
    std::vector<Past> pasts;     // of each convolution behind the transformer
    std::vector<Past> before;    // of the one before it, if there is one
  };
  Stream begin() const;
  // Takes the memory of a stream's keys and values. False if others have all of it.
  bool hold(Stream& stream);
  // Gives it back. The stream's frames must then be attended to again, from the first one on.
  void release(Stream& stream);

  // Frames of one stream in one call of attend(), at most.
  static constexpr int most_frames = 32;
  struct Frames {
    Stream* stream;
    std::span<const std::int32_t> codes;  // [frames, codebooks], each below codebook_size
  };
  // Returns the rows behind the transformer for the next frames of several streams, which hold
  // their memory: [frames, shape.width()] on the host.
  Result<std::vector<float>> attend(std::span<const Frames> frames);
  // Appends the samples of a stream's next rows.
  void sound(std::span<const float> rows, Stream& stream, std::vector<float>& samples);

  // Called with what each part gives, for those who compare it: its name in the file, and its rows.
  // They come in pieces.
  std::function<void(const std::string& part, std::span<const float> rows)> observe;

 private:
  using Snake = ConvolutionLoader::Snake;
  struct Upsampler {
    Convolution wider;
    Array channels;  // weights of the convolution of each channel: [7, hidden]
    Array channels_bias, norm_weight, norm_bias, in_bias, out_bias;
    std::unique_ptr<Matrix> in, out;
  };
  struct ResidualUnit {
    Snake first_snake, second_snake;
    Convolution first, second;
  };
  struct Block {
    Snake snake;
    Convolution wider;
    std::vector<ResidualUnit> units;
    Array x;  // the rows of a piece
  };
  // A linear layer with a bias, on the host's rows.
  struct Projection {
    std::unique_ptr<Matrix> weights;
    Array bias;
  };
  void load_latent(const ConvolutionLoader& load);
  std::vector<float> project(const Projection& projection, std::span<const float> rows);
  // The transformer's rows of some codes.
  std::vector<float> embed(std::span<const std::int32_t> codes, Stream& stream);
  std::vector<float> embedded(std::span<const std::int32_t> codes) const;
  int upsample(std::size_t index, int rows, Past*& past, Array& x);
  // The blocks from `index` on, and what follows them.
  void blocks(std::size_t index,
              std::span<const float> x,
              std::span<Past> pasts,
              std::vector<float>& samples);
  void seen(const std::string& part, std::span<const float> rows) const;

  StageConfig config_;
  std::shared_ptr<const Code2WavModel> model_;
  Device& device_;
  Array scratch_, y_;
  Decoder decoder_;
  KvCache cache_;
  std::vector<float> sums_;          // rows of all codes of all codebooks, with a latent width
  std::vector<Convolution> before_;  // one, with a latent width
  std::vector<Projection> in_out_;   // two, with a latent width
  std::vector<Upsampler> upsamplers_;
  std::vector<Convolution> first_, last_;  // one each
  std::vector<Block> blocks_;
  Snake last_snake_;
};

}  // namespace limelight::stages
