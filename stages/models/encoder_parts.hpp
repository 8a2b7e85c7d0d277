// Parts of the encoders of sounds and pictures: linear layers with biases, layer norms, GELU and
// attention within segments. Rows are in the host's memory; only the products of linear layers run
// on the device. A function works on whole rows or segments, each independent of the others, so
// that several threads can share its rows. Sizes that do not match are a bug of the caller.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "stages/models/weights.hpp"

namespace limelight::stages {

// Called with a name such as "layers.0" and rows after that part, for comparisons with others.
using EncoderObserver = std::function<void(const std::string& name, std::span<const float> rows)>;

class BiasedLinear {
 public:
  // The weights are `name`, [out, in], and its bias name + ".bias", [out].
  // last: the last dimension of the weights in the file, if it is not `in`, as of convolutions.
  BiasedLinear(WeightLoader& weights,
               Device& device,
               const std::string& name,
               int out,
               int in,
               bool biased = true,
               int last = 0);
  int out() const noexcept { return matrix_->out; }
  std::vector<float> operator()(std::span<const float> x) const;

 private:
  Device* device_;
  std::unique_ptr<Matrix> matrix_;
  std::vector<float> bias_;
};

// y = (x - mean) / sqrt(variance + epsilon) * weight + bias for each row (Ba and others, 2016).
// centred: false: mean and bias are 0 (Zhang, Sennrich 2019).
class LayerNorm {
 public:
  LayerNorm(WeightLoader& weights,
            const std::string& name,
            int width,
            double epsilon,
            bool centred = true);
  std::vector<float> operator()(std::span<const float> x) const;

 private:
  std::vector<float> weight_, bias_;
  double epsilon_;
};

// x * P(X < x) of a normal distribution (Hendrycks, Gimpel 2016).
void gelu(std::span<float> x);
// The same by the hyperbolic tangent, which differs by up to 5e-4.
void gelu_tanh(std::span<float> x);

void add(std::span<float> x, std::span<const float> y);  // x += y

// Columns [from, from + count) of rows of `width`.
std::vector<float> columns(std::span<const float> x,
                           std::size_t width,
                           std::size_t from,
                           std::size_t count);

// Attention within each segment, not causal. q, k, v, out: [rows, heads * head_dim]. ends: after
// the last row of each segment, ascending; the last one is the number of rows.
void attend(std::span<const float> q,
            std::span<const float> k,
            std::span<const float> v,
            std::span<float> out,
            std::span<const int> ends,
            int heads,
            int head_dim);

// Attention within a sequence of blocks of `block` rows: each row sees its own block, and so many
// before and after that.
struct BlockAttention {
  int block = 1, before = 0, ahead = 0;
};
void attend_blocks(std::span<const float> q,
                   std::span<const float> k,
                   std::span<const float> v,
                   std::span<float> out,
                   const BlockAttention& blocks,
                   int heads,
                   int head_dim);

}  // namespace limelight::stages
