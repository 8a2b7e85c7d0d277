// Log-mel spectrograms, and the transform below them.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numbers>

#include "stages/media/log_mel.hpp"

using namespace limelight;
using namespace limelight::stages;

BOOST_AUTO_TEST_CASE(the_transform_is_the_sum_that_defines_it) {
  for (const int size : {1, 2, 3, 4, 12, 30, 97, 121, 400}) {
    const Fourier fourier(size);
    std::vector<std::complex<double>> in, out(static_cast<std::size_t>(size));
    for (int n = 0; n < size; ++n) in.emplace_back(std::sin(n * n), std::cos(3 * n));
    fourier.transform(in, out);
    for (int k = 0; k < size; ++k) {
      std::complex<double> sum = 0;
      for (int n = 0; n < size; ++n)
        sum +=
            in[static_cast<std::size_t>(n)] * std::polar(1.0, -2 * std::numbers::pi * n * k / size);
      BOOST_TEST(std::abs(out[static_cast<std::size_t>(k)] - sum) < 1e-9, size << " " << k);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_tone_is_loudest_in_the_triangle_around_it) {
  // 128 triangles up to 8 kHz; below 1 kHz they lie 23.6 Hz apart: mel(8000) * 200 / 3 / 129.
  std::vector<float> tone;
  for (int n = 0; n < 16000; ++n)
    tone.push_back(static_cast<float>(std::sin(2 * std::numbers::pi * 500 * n / 16000)));
  const auto computed = (*LogMel::make({})).compute({{tone}});
  const LogMelSound& sound = computed->front();
  BOOST_TEST(sound.frames == 100);
  std::size_t loudest = 0;
  for (std::size_t m = 0; m < 128; ++m)
    if (sound.values[m * 100 + 50] > sound.values[loudest * 100 + 50]) loudest = m;
  const double mels = 15 + 27 * std::log(8.0) / std::log(6.4);
  const double middle = static_cast<double>(loudest + 1) * mels / 129 * 200 / 3;
  BOOST_TEST(std::abs(middle - 500) < 24, middle);
}

BOOST_AUTO_TEST_CASE(sounds_that_are_too_short_and_shapes_without_meaning_are_errors) {
  const auto mel = *LogMel::make({});
  const std::vector<std::vector<float>> shorter{std::vector<float>(200)},
      enough{std::vector<float>(201)};
  BOOST_TEST(mel.compute(shorter).error().message ==
             "found a sound of 200 samples at 16000 Hz, expected at least 201");
  BOOST_TEST((*mel.compute(enough)).front().frames == 1);
  BOOST_TEST(!LogMel::make({.n_fft = 1}).ok());
  BOOST_TEST(!LogMel::make({.hop = 0}).ok());
  BOOST_TEST(!LogMel::make({.mels = 0}).ok());
}
