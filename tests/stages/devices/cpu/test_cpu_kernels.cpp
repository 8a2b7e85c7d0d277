// Every build of the kernels beside sums in double, and beside the other builds.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "stages/devices/blocks.hpp"
#include "stages/devices/cpu/cpu_kernels.hpp"

using namespace limelight::stages;

// Every build of the kernels on every type of weights, beside the products of the unpacked weights
// in double.
BOOST_AUTO_TEST_CASE(
    kernels_give_the_products_of_the_unpacked_weights_and_the_same_bits_in_every_build) {
  std::mt19937 random(3);
  std::uniform_real_distribution<float> spread(-1, 1);
  constexpr std::size_t cols = 512, rows = 7;
  std::vector<float> x(rows * cols);
  for (float& v : x) v = spread(random);
  std::vector<const CpuKernels*> builds{&portable_kernels};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    builds.push_back(&avx2_kernels);
  if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vl"))
    builds.push_back(&avx512_kernels);
  if (__builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vl"))
    builds.push_back(&avx512bf16_kernels);
#endif
  for (std::size_t t = 0; t < weight_types; ++t) {
    const auto type = static_cast<WeightType>(t);
    const BlockFormat& format = block_format(type);
    std::vector<std::byte> w(cols / format.values * format.bytes);
    for (std::byte& b : w) b = static_cast<std::byte>(random());
    // Scales of a sensible size, wherever a format has them; plain numbers likewise.
    for (std::size_t at = 0; at < w.size(); at += format.bytes) {
      const std::uint16_t small = 0x2000 | (random() & 0x3ff);  // about 0.01
      const float number = spread(random);
      if (type == WeightType::f32) std::memcpy(&w[at], &number, 4);
      else if (type == WeightType::bf16) w[at + 1] = std::byte{0x3e};
      else if (type == WeightType::q6_k) std::memcpy(&w[at + 208], &small, 2);
      else std::memcpy(&w[at], &small, 2);
      if (type == WeightType::q4_1 || type == WeightType::q4_k) std::memcpy(&w[at + 2], &small, 2);
    }
    std::vector<float> plain(cols);
    unpack_blocks(type, w.data(), plain);
    std::vector<float> first;
    for (const CpuKernels* build : builds) {
      std::vector<std::int8_t> values(rows * cols);
      std::vector<float> scales(rows * cols / 32), sums(rows * cols / 16), y(rows), as_floats(rows);
      for (std::size_t r = 0; r < rows; ++r)
        build->quantise(&x[r * cols], cols, &values[r * cols], &scales[r * cols / 32],
                        &sums[r * cols / 16]);
      build->dot_blocks(type, w.data(), cols, {values.data(), scales.data(), sums.data()}, rows,
                        y.data(), 1);
      build->dot_floats(type, w.data(), cols, x.data(), rows, as_floats.data(), 1);
      for (std::size_t r = 0; r < rows; ++r) {
        double exact = 0, size = 0;
        for (std::size_t i = 0; i < cols; ++i) {
          exact += static_cast<double>(x[r * cols + i]) * plain[i];
          size += std::abs(static_cast<double>(plain[i]));
        }
        // Half a step of 1/127 for each activation, if all erred alike.
        if (format.values > 1)
          BOOST_TEST(std::abs(y[r] - exact) <= 0.5 / 127 * size + 1e-6,
                     build->name << ", " << format.name << ": " << y[r] << ", expected " << exact);
        BOOST_TEST(
            std::abs(as_floats[r] - exact) <= 1e-5 * size + 1e-6,
            build->name << ", " << format.name << ": " << as_floats[r] << ", expected " << exact);
      }
      y.insert(y.end(), as_floats.begin(), as_floats.end());
      if (type == WeightType::bf16) {
        std::vector<std::uint16_t> rounded(x.size());
        std::vector<float> as_bf16(rows);
        build->round_bf16(x.data(), x.size(), rounded.data());
        for (const std::size_t width : {cols, cols - 7}) {  // rows of any length
          build->dot_bf16(w.data(), width, rounded.data(), rows, as_bf16.data(), 1);
          for (std::size_t r = 0; r < rows; ++r) {
            double exact = 0, size = 0;
            for (std::size_t i = 0; i < width; ++i) {
              exact += static_cast<double>(x[r * width + i]) * plain[i];
              size += std::abs(static_cast<double>(x[r * width + i]) * plain[i]);
            }
            BOOST_TEST(std::abs(as_bf16[r] - exact) <= size / 256,
                       build->name << ", bf16: " << as_bf16[r] << ", expected " << exact);
          }
          y.insert(y.end(), as_bf16.begin(), as_bf16.end());
        }
      }
      if (first.empty()) first = y;
      BOOST_TEST(std::memcmp(first.data(), y.data(), y.size() * sizeof(float)) == 0,
                 build->name << " differs, " << format.name);
    }
  }
}

BOOST_AUTO_TEST_CASE(exponentials_are_right_and_the_same_bits_in_every_build) {
  std::vector<float> x, up;
  for (float v = -95; v < 20; v += 0.037f) x.push_back(v), up.push_back(0.5f);
  std::vector<float> first, first_silu;
  for (const CpuKernels* build : {&portable_kernels, &cpu_kernels()}) {
    std::vector<float> y = x, gate = x;
    double exact = 0;
    const float sum = build->exp_sum(y.data(), 20, y.size());
    for (std::size_t i = 0; i < x.size(); ++i) {
      exact += std::exp(static_cast<double>(x[i]) - 20);
      if (x[i] - 20 > -86)
        BOOST_REQUIRE(std::abs(y[i] / std::exp(static_cast<double>(x[i] - 20)) - 1) < 3e-7);
    }
    BOOST_TEST(std::abs(sum / exact - 1) < 1e-6);
    build->silu_mul(gate.data(), up.data(), gate.size());
    for (std::size_t i = 0; i < x.size(); ++i)
      BOOST_REQUIRE(std::abs(gate[i] - 0.5 * x[i] / (1 + std::exp(-static_cast<double>(x[i])))) <
                    1e-5);
    if (first.empty()) first = y, first_silu = gate;
    BOOST_TEST((first == y && first_silu == gate));
  }
}
