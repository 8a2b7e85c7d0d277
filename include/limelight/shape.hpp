// The shapes of networks: what a stage's config or a model's file says of their parts. One struct a
// network; every reader and every user of a network shares it. The structs are plain values.
#pragma once

#include <vector>

namespace limelight::stages {

// What a feed-forward network applies to its gate (Shazeer 2020): SiLU, or GELU by the error
// function or by its approximation with tanh (Hendrycks, Gimpel 2016).
enum class Activation { silu, gelu, gelu_tanh };

// A rotary position embedding (Su et al. 2021).
struct RopeShape {
  // In radians a position, one for each pair of numbers of a head. Fewer than head_dim / 2: the
  // numbers behind those pairs are not rotated. Empty: base 10 000, all pairs.
  std::vector<float> frequencies = {};
  // In their place where sequences may be longer than `short_length` (LongRoPE, Ding et al. 2024).
  std::vector<float> long_frequencies = {};
  int short_length = 0;
  float scale = 1;  // of what was rotated (YaRN, Peng et al. 2023)
  // Which numbers are a pair: neighbours (GGUF stores llama so) if true, number i of the first half
  // with number i of the second half if false.
  bool interleaved = false;
  // How many pairs turn by a row's height and by its width where it has them, as pictures do: pairs
  // 1, 4, 7 ... and 2, 5, 8 ... (interleaved M-RoPE, Qwen3-VL 2025). 0: none.
  int height = 0, width = 0;
  // They are the last pairs: first those of the height, then those of the width (M-RoPE, Qwen2-VL
  // 2024).
  bool sections = false;

  bool operator==(const RopeShape&) const = default;
  const std::vector<float>& of(int max_model_len) const {
    return long_frequencies.empty() || max_model_len <= short_length ? frequencies
                                                                     : long_frequencies;
  }
};

// What layers of one decoder may differ in.
struct LayerShape {
  int window = 0;        // positions that attention sees, its own included; 0: all before it
  int rope = 0;          // place in DecoderShape::ropes; -1: positions are not embedded
  bool experts = false;  // its feed-forward network is a mixture of experts

  bool operator==(const LayerShape&) const = default;
};

// A mixture of experts (Shazeer et al. 2017): each row goes through those that a router prefers.
struct ExpertsShape {
  int count = 0, used = 0;  // of all layers alike; `used` of them by each row
  int mlp = 0;              // width of one
  int shared_mlp = 0;       // width of the one that all rows go through; 0: none
  bool normalised = true;   // the weights of those that a row uses sum up to 1

  bool operator==(const ExpertsShape&) const = default;
};

// A decoder-only transformer with its embedding and its head. Biases and norms that only some
// models have are not listed here: their tensors are there, or not.
struct DecoderShape {
  int layers = 2, hidden = 128, heads = 4, kv_heads = 2, head_dim = 32, mlp = 256, vocab = 512;
  int max_model_len = 1024;  // tokens of prompt and output together
  float norm_eps = 1e-6f;
  Activation activation = Activation::silu;
  float embedding_scale = 1;
  float attention_scale = 0;                // of the products of queries and keys;
                                            // 0: 1 / sqrt(head_dim)
  float attention_cap = 0, logit_cap = 0;   // x becomes cap * tanh(x / cap); 0: it stays
  std::vector<RopeShape> ropes = {};        // empty: RopeShape{}
  std::vector<LayerShape> each_layer = {};  // empty: LayerShape{} for all
  ExpertsShape experts = {};

  bool operator==(const DecoderShape&) const = default;
  LayerShape layer(int index) const {
    return each_layer.empty() ? LayerShape{} : each_layer[static_cast<std::size_t>(index)];
  }
};

// The codes of sound between talker and code2wav, and what both do with them.
struct CodecShape {
  int input_hidden = 0;                   // talker: width of the conditioning rows
  int codebooks = 4, codebook_size = 64;  // of both
  int chunk_frames = 25;                  // talker: frames in one chunk
  int channels = 32;                      // code2wav: width of the first convolution
  std::vector<int> upsampling = {};       // code2wav: stride of each transposed convolution
};

}  // namespace limelight::stages
