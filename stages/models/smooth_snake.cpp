#include "stages/models/smooth_snake.hpp"

#include <cmath>
#include <numbers>
#include <utility>

namespace limelight::stages {

namespace {
constexpr std::size_t half = 6;  // taps for every second row
}  // namespace

// Source of the window's parameter: Kaiser 1974, for an attenuation of 51 dB, which follows from a
// transition of 0.6 of the band and the number of taps.
std::array<float, 12> half_band_filter() {
  constexpr double taps = 12, transition = 4 * 0.3;
  const double attenuation = 2.285 * (taps / 2 - 1) * std::numbers::pi * transition + 7.95,
               beta = 0.1102 * (attenuation - 8.7);
  std::array<float, 12> filter{};
  double sum = 0;
  std::array<double, 12> exact{};
  for (std::size_t i = 0; i < exact.size(); ++i) {
    const double t = static_cast<double>(i) - 5.5, place = t / 5.5,
                 angle = std::numbers::pi * t / 2;
    exact[i] = std::cyl_bessel_i(0, beta * std::sqrt(1 - place * place)) * std::sin(angle) / angle;
    sum += exact[i];
  }
  for (std::size_t i = 0; i < exact.size(); ++i) filter[i] = static_cast<float>(exact[i] / sum);
  return filter;
}

SmoothSnake::SmoothSnake(Device& device, ConvolutionLoader::Snake snake)
    : device_(&device),
      snake_(std::move(snake)),
      up_even_(device),
      up_odd_(device),
      down_even_(device),
      down_odd_(device),
      padded_(device),
      even_(device),
      odd_(device),
      sum_(device) {
  const std::array<float, 12> filter = half_band_filter();
  const std::size_t width = snake_.frequencies.size();
  const auto taps = [&](const auto& tap_of) {
    std::vector<float> all;
    for (std::size_t r = 0; r < half; ++r) all.insert(all.end(), width, tap_of(r));
    Array array(device, all.size());
    device.upload(all, array.span());
    return array;
  };
  // Row 2j of the larger rate sums up rows j - 3 to j + 2 of the smaller one, row 2j + 1 rows j - 2
  // to j + 3; half of the rows are zeros, so they count twice.
  up_even_ = taps([&](std::size_t r) { return 2 * filter[11 - 2 * r]; });
  up_odd_ = taps([&](std::size_t r) { return 2 * filter[10 - 2 * r]; });
  // Row i sums up even rows 2(i - 2) to 2(i + 3), and odd rows 2(i - 3) + 1 to 2(i + 2) + 1.
  down_even_ = taps([&](std::size_t r) { return filter[1 + 2 * r]; });
  down_odd_ = taps([&](std::size_t r) { return filter[2 * r]; });
}

void SmoothSnake::run(std::span<const float> x, std::span<float> y) {
  Device& device = *device_;
  const std::size_t width = snake_.frequencies.size(), rows = x.size() / width;
  const int n = static_cast<int>(rows), columns = static_cast<int>(width);
  const auto row = [&](Array& of, std::size_t at, std::size_t count) {
    return of.span().subspan(at * width, count * width);
  };
  padded_.resize((rows + 6) * width);
  device.copy(x, row(padded_, 3, rows));
  for (std::size_t i = 0; i < 3; ++i) {
    device.copy(x.first(width), row(padded_, i, 1));
    device.copy(x.last(width), row(padded_, rows + 3 + i, 1));
  }
  even_.resize((rows + 5) * width);
  odd_.resize((rows + 5) * width);
  const auto even = row(even_, 2, rows), odd = row(odd_, 3, rows);
  device.convolve_channels(row(padded_, 0, rows + 5), up_even_.span(), even, n, columns);
  device.convolve_channels(row(padded_, 1, rows + 5), up_odd_.span(), odd, n, columns);
  for (const auto& rows_of : {even, odd})
    device.snake(rows_of, rows_of, snake_.frequencies.span(), snake_.amplitudes.span());
  // The first row of the larger rate is an even one, the last an odd one.
  const auto first = even.first(width), last = odd.last(width);
  for (std::size_t i = 0; i < 2; ++i) device.copy(first, row(even_, i, 1));
  for (std::size_t i = 0; i < 3; ++i) device.copy(last, row(even_, rows + 2 + i, 1));
  for (std::size_t i = 0; i < 3; ++i) device.copy(first, row(odd_, i, 1));
  for (std::size_t i = 0; i < 2; ++i) device.copy(last, row(odd_, rows + 3 + i, 1));
  device.convolve_channels(even_.span(), down_even_.span(), y, n, columns);
  sum_.resize(rows * width);
  device.convolve_channels(odd_.span(), down_odd_.span(), sum_.span(), n, columns);
  device.add(y, sum_.span());
}

}  // namespace limelight::stages
