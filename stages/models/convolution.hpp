// Causal convolutions over the rows of a stream that comes in pieces of any size: what one needs of
// the rows before a piece is kept between the pieces, so that the pieces do not change what it
// computes, to the last bit. One thread uses a convolution, and a Past belongs to one convolution
// and one stream.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <vector>

#include "stages/devices/device.hpp"

namespace limelight::stages {

// The newest rows of a stream, as many as a convolution needs to go on.
struct Past {
  Array rows;
  int count = 0;
};

class Convolution {
 public:
  // weights: [out * factor, taps * in]: each row of the stream becomes `factor` rows, as in a
  // transposed convolution. bias: [out * factor]. scratch: shared with others on this thread.
  Convolution(Device& device,
              std::unique_ptr<Matrix> weights,
              Array bias,
              int taps,
              int dilation,
              int factor,
              Array& scratch);
  // zeros: the stream begins after rows of 0, so that each row gives an output. If not, the first
  // outputs are those that need no row before the first.
  Past begin(bool zeros) const;
  // Takes the next n rows of the stream, which `fill` writes. Returns how many rows of out there
  // are: [rows, out].
  int run(int n, const std::function<void(std::span<float>)>& fill, Past& past, Array& out) const;
  int in() const noexcept { return weights_->in / taps_; }
  int out() const noexcept { return weights_->out / factor_; }

 private:
  Device* device_;
  std::unique_ptr<Matrix> weights_;
  Array bias_;
  int taps_, dilation_, factor_;
  Array* scratch_;
};

// The rows of `past`, those of the next n that `fill` writes, and how many there are: [rows,
// width]. Afterwards `past` has the newest `before` of them.
int extend(Device& device,
           int n,
           int width,
           int before,
           const std::function<void(std::span<float>)>& fill,
           Past& past,
           Array& rows);

}  // namespace limelight::stages
