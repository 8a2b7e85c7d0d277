#include "stages/media/resize.hpp"

#include <algorithm>
#include <cmath>

namespace limelight::stages {

namespace {

// Keys' kernel (1981) with a = -1/2.
double cubic(double x) {
  constexpr double a = -0.5;
  x = std::abs(x);
  if (x < 1) return ((a + 2) * x - (a + 3)) * x * x + 1;
  if (x < 2) return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a;
  return 0;
}

// For each position of the result the positions that it is a sum of, and their weights as whole
// numbers of 2^-bits.
struct Scaling {
  struct Sum {
    int first = 0;
    std::vector<std::int32_t> weights;
  };
  std::vector<Sum> sums;
  int bits = 0;

  Scaling(int from, int to) {
    const double scale = static_cast<double>(from) / to, wider = std::max(scale, 1.0),
                 support = 2 * wider;
    std::vector<std::vector<double>> exact;
    double largest = 0;
    for (int i = 0; i < to; ++i) {
      const double middle = scale * (i + 0.5);
      const int first = std::max(static_cast<int>(middle - support + 0.5), 0),
                end = std::min(static_cast<int>(middle + support + 0.5), from);
      std::vector<double>& weights = exact.emplace_back();
      double sum = 0;
      for (int x = first; x < end; ++x) {
        weights.push_back(cubic((x - middle + 0.5) * (1 / wider)));
        sum += weights.back();
      }
      for (double& weight : weights) largest = std::max(largest, weight /= sum);
      sums.push_back({first, {}});
    }
    // As many bits as leave the largest weight below 2^15.
    while (bits < 22 && static_cast<int>(0.5 + largest * (1 << (bits + 1))) < 1 << 15) ++bits;
    for (int i = 0; i < to; ++i)
      for (const double weight : exact[static_cast<std::size_t>(i)])
        sums[static_cast<std::size_t>(i)].weights.push_back(
            static_cast<std::int32_t>((weight < 0 ? -0.5 : 0.5) + weight * (1 << bits)));
  }
};

// Computes one position of the result, which has `count` numbers. step: numbers from one position
// to the next. 22 bits and 8 of a colour fit: the weights add up to about 1.
void add_up(const std::uint8_t* in,
            std::size_t step,
            std::uint8_t* out,
            const Scaling::Sum& sum,
            int bits,
            std::size_t count) {
  for (std::size_t c = 0; c < count; ++c) {
    std::int32_t total = 1 << (bits - 1);
    const std::uint8_t* at = in + static_cast<std::size_t>(sum.first) * step + c;
    for (const std::int32_t weight : sum.weights) {
      total += weight * *at;
      at += step;
    }
    out[c] = static_cast<std::uint8_t>(std::clamp(total >> bits, 0, 255));
  }
}

}  // namespace

Image resize_cubic(const Image& image, int width, int height) {
  const auto rows = static_cast<std::size_t>(image.height);
  const std::size_t in_row = std::size_t{3} * static_cast<std::size_t>(image.width),
                    out_row = std::size_t{3} * static_cast<std::size_t>(width);
  Image wide{width, image.height, {}};
  if (width == image.width) wide.rgb = image.rgb;
  else {
    const Scaling across(image.width, width);
    wide.rgb.resize(out_row * rows);
    for (std::size_t y = 0; y < rows; ++y)
      for (std::size_t x = 0; x < static_cast<std::size_t>(width); ++x)
        add_up(image.rgb.data() + y * in_row, 3, wide.rgb.data() + y * out_row + 3 * x,
               across.sums[x], across.bits, 3);
  }
  if (height == image.height) return wide;
  const Scaling down(image.height, height);
  Image scaled{width, height,
               std::vector<std::uint8_t>(out_row * static_cast<std::size_t>(height))};
  for (std::size_t y = 0; y < static_cast<std::size_t>(height); ++y)
    add_up(wide.rgb.data(), out_row, scaled.rgb.data() + y * out_row, down.sums[y], down.bits,
           out_row);
  return scaled;
}

}  // namespace limelight::stages
