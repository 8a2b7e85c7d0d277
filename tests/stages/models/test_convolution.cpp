// Convolutions of a stream beside sums over the whole of it.
#include <boost/test/unit_test.hpp>
#include <numeric>

#include "stages/models/convolution.hpp"

using namespace limelight::stages;

namespace {

std::vector<float> numbers(std::size_t count, int seed) {
  std::vector<float> all(count);
  for (std::size_t i = 0; i < count; ++i)
    all[i] = static_cast<float>((i * 7919 + static_cast<std::size_t>(seed) * 104729) % 97) / 48 - 1;
  return all;
}

Array on_device(Device& device, const std::vector<float>& values) {
  Array array(device, values.size());
  device.upload(values, array.span());
  return array;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(convolution)

BOOST_AUTO_TEST_CASE(the_pieces_of_a_stream_do_not_change_what_it_gives) {
  constexpr int in = 3, out = 2, taps = 3, rows = 17;
  const auto cpu = make_cpu_device();
  const auto x = numbers(rows * in, 1), w = numbers(out * taps * in, 2), bias = numbers(out, 3);
  for (const int dilation : {1, 4})
    for (const bool zeros : {true, false}) {
      Array scratch(*cpu);
      const Convolution convolution(*cpu,
                                    cpu->pack(w, out, taps * in, limelight::ipc::DType::float32),
                                    on_device(*cpu, bias), taps, dilation, 1, scratch);
      BOOST_TEST(convolution.in() == in);
      BOOST_TEST(convolution.out() == out);
      // With zeros before the stream each row gives one; without, the first rows give none.
      const int before = (taps - 1) * dilation;
      std::vector<float> expected;
      for (int row = zeros ? 0 : before; row < rows; ++row)
        for (int o = 0; o < out; ++o) {
          double sum = bias[static_cast<std::size_t>(o)];
          for (int tap = 0; tap < taps; ++tap)
            for (int i = 0, from = row - before + tap * dilation; from >= 0 && i < in; ++i)
              sum += static_cast<double>(w[static_cast<std::size_t>((o * taps + tap) * in + i)]) *
                     x[static_cast<std::size_t>(from * in + i)];
          expected.push_back(static_cast<float>(sum));
        }
      std::vector<float> whole;
      for (const std::vector<int>& pieces : {std::vector{17}, {1, 1, 5, 0, 10}, {8, 9}}) {
        Past past = convolution.begin(zeros);
        std::vector<float> found;
        Array y(*cpu);
        int at = 0;
        for (const int piece : pieces) {
          const int made = convolution.run(
              piece,
              [&](std::span<float> to) {
                cpu->upload(std::span(x).subspan(static_cast<std::size_t>(at * in), to.size()), to);
              },
              past, y);
          at += piece;
          BOOST_TEST(y.size() == static_cast<std::size_t>(made * out));
          found.resize(found.size() + y.size());
          cpu->download(y.span(), std::span(found).last(y.size()));
        }
        BOOST_REQUIRE(found.size() == expected.size());
        for (std::size_t i = 0; i < found.size(); ++i)
          BOOST_TEST(std::abs(found[i] - expected[i]) < 1e-5f);
        if (whole.empty()) whole = found;
        BOOST_TEST((found == whole));  // to the last bit
      }
    }
}

BOOST_AUTO_TEST_SUITE_END()
