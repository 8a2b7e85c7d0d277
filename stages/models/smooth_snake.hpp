// Snake between an upsampling and a downsampling by 2, so that the overtones that it makes are no
// aliases (Karras et al. 2021; BigVGAN, Lee et al. 2023). Both filters are a sinc in a window of
// Kaiser, of 12 taps; the border rows are repeated. A row depends on 5 rows before and after it:
// VocoderShape::context() knows that. One thread uses one.
#pragma once

#include <array>
#include <span>

#include "stages/models/convolution_loader.hpp"

namespace limelight::stages {

// sinc(t / 2) at t = -5.5, -4.5 ... 5.5 in the window, with the sum 1: lets half of the frequencies
// through.
std::array<float, 12> half_band_filter();

class SmoothSnake {
 public:
  SmoothSnake(Device& device, ConvolutionLoader::Snake snake);
  // x, y: [rows, width], not the same memory; one row at least.
  void run(std::span<const float> x, std::span<float> y);

 private:
  Device* device_;
  ConvolutionLoader::Snake snake_;
  // The taps that give the even rows and the odd ones between them, and those that take them
  // together: [6, width] each.
  Array up_even_, up_odd_, down_even_, down_odd_;
  Array padded_, even_, odd_, sum_;
};

}  // namespace limelight::stages
