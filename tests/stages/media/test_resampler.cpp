// Sounds of another rate.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <numbers>

#include "stages/media/resampler.hpp"

using limelight::stages::Resampler;

namespace {

std::vector<float> tone(double hertz, int rate, std::size_t count) {
  std::vector<float> samples(count);
  for (std::size_t i = 0; i < count; ++i)
    samples[i] =
        static_cast<float>(std::sin(2 * std::numbers::pi * hertz * static_cast<double>(i) / rate));
  return samples;
}

// In pieces of so many samples.
std::vector<float> resampled(const std::vector<float>& samples,
                             int from,
                             int to,
                             std::size_t piece) {
  auto resampler = Resampler::make(from, to);
  BOOST_REQUIRE(resampler.ok());
  std::vector<float> out;
  for (std::size_t at = 0; at < samples.size(); at += piece)
    BOOST_REQUIRE(
        resampler->push(std::span(samples).subspan(at, std::min(piece, samples.size() - at)), out)
            .ok());
  BOOST_REQUIRE(resampler->finish(out).ok());
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(resampler)

BOOST_AUTO_TEST_CASE(a_tone_is_the_same_tone_at_the_other_rate) {
  for (const auto& [from, to] : {std::pair{48000, 16000}, {22050, 16000}, {8000, 16000}}) {
    const auto out = resampled(tone(440, from, static_cast<std::size_t>(from)), from, to, 4096);
    const auto expected = tone(440, to, out.size());
    double furthest = 0;
    // At the ends the filter meets silence.
    for (std::size_t i = 200; i + 200 < out.size(); ++i)
      furthest = std::max(furthest, static_cast<double>(std::abs(out[i] - expected[i])));
    BOOST_TEST(furthest < 1e-4, from << " to " << to << ": " << furthest);
  }
}

BOOST_AUTO_TEST_CASE(the_pieces_change_neither_the_samples_nor_their_number) {
  for (const std::size_t count : {0u, 1u, 440u, 4411u}) {
    const auto in = tone(300, 44100, count);
    const auto whole = resampled(in, 44100, 16000, 1 << 20);
    BOOST_TEST(whole.size() == (count * 16000 + 44099) / 44100);
    BOOST_TEST((resampled(in, 44100, 16000, 7) == whole));
  }
}

BOOST_AUTO_TEST_SUITE_END()
