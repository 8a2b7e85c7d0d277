// Every build of the kernels beside sums in double, beside the other builds, and beside itself with
// other numbers of rows.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "stages/devices/blocks.hpp"
#include "stages/devices/cpu/cpu_kernels.hpp"
#include "tests/device_checks.hpp"
#include "tests/stages/devices/cpu/random_blocks.hpp"

using namespace limelight::stages;
using limelight::tests::random_blocks;
using limelight::tests::random_values;

namespace {

std::vector<const CpuKernels*> builds() {
  std::vector<const CpuKernels*> builds{&portable_kernels};
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma"))
    builds.push_back(&avx2_kernels);
  if (__builtin_cpu_supports("avx512vnni") && __builtin_cpu_supports("avx512vl"))
    builds.push_back(&avx512_kernels);
  if (__builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512vl"))
    builds.push_back(&avx512bf16_kernels);
#endif
  return builds;
}

constexpr std::size_t cols = 512;
using Floats = std::vector<float>;

Floats random_rows(std::size_t rows) {
  std::mt19937 random(3);
  std::uniform_real_distribution<float> spread(-1, 1);
  Floats x(rows * cols);
  for (float& v : x) v = spread(random);
  return x;
}

// Rows of weights, and what the kernels make of them.
struct Weights {
  WeightType type;
  std::size_t rows, row_bytes = cols / block_format(type).values * block_format(type).bytes;
  std::vector<std::byte> data = random_blocks(type, rows* cols);

  // x times the rows from `first` on: [rows of x, count], by the kernel for this type.
  Floats blocks(const CpuKernels& build, const Floats& x, std::size_t first, std::size_t count) {
    const std::size_t n = x.size() / cols;
    std::vector<std::int8_t> values(x.size());
    std::vector<std::int16_t> halves(x.size() / 16);
    Floats scales(x.size() / 32), sums(x.size() / 32), y(n * count, -1);
    for (std::size_t r = 0; r < n; ++r)
      build.quantise(&x[r * cols], cols, &values[r * cols], &scales[r * cols / 32],
                     &sums[r * cols / 32], &halves[r * cols / 16]);
    std::vector<std::byte> scratch(scratch_bytes(cols) + 64);
    const std::size_t off = reinterpret_cast<std::uintptr_t>(scratch.data()) % 64;
    build.dot_blocks({.type = type,
                      .data = data.data() + first * row_bytes,
                      .row_bytes = row_bytes,
                      .rows = count,
                      .cols = cols},
                     {values.data(), scales.data(), sums.data(), halves.data()}, n,
                     scratch.data() + 64 - off, y.data(), count);
    return y;
  }
  // x times the first row. width: the columns that count.
  Floats floats(const CpuKernels& build, const Floats& x, std::size_t width = cols) {
    Floats y(x.size() / cols);
    build.dot_floats(type, data.data(), width, x.data(), y.size(), y.data(), 1);
    return y;
  }
  Floats bf16(const CpuKernels& build, const Floats& x, std::size_t width = cols) {
    std::vector<std::uint16_t> rounded(x.size());
    build.round_bf16(x.data(), x.size(), rounded.data());
    Floats y(x.size() / cols);
    build.dot_bf16(data.data(), width, rounded.data(), y.size(), y.data(), 1);
    return y;
  }
  // Checks that y is x times row i, in double. step: what an element of x may be off.
  void check(const Floats& y, const Floats& x, std::size_t i, double step, const char* name) const {
    Floats plain(cols);
    unpack_blocks(type, data.data() + i * row_bytes, plain);
    for (std::size_t r = 0; r < y.size(); ++r) {
      double exact = 0, size = 0;
      for (std::size_t c = 0; c < cols; ++c) {
        exact += static_cast<double>(x[r * cols + c]) * plain[c];
        size += std::abs(static_cast<double>(plain[c]));
      }
      BOOST_TEST(std::abs(y[r] - exact) <= step * size + 1e-6,
                 name << ", " << block_format(type).name << ": " << y[r] << ", expected " << exact);
    }
  }
};

bool same(const Floats& a, const Floats& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}
bool in_blocks(WeightType type) { return block_format(type).values > 1; }

}  // namespace

BOOST_AUTO_TEST_CASE(
    kernels_give_the_products_of_the_unpacked_weights_and_the_same_bits_in_every_build) {
  const Floats x = random_rows(7);
  for (std::size_t t = 0; t < weight_types; ++t) {
    Weights w{.type = static_cast<WeightType>(t), .rows = 27};
    Floats first;
    for (const CpuKernels* build : builds()) {
      Floats all = w.floats(*build, x);
      w.check(all, x, 0, 1e-5, build->name);
      if (in_blocks(w.type)) {
        const Floats y = w.blocks(*build, x, 0, w.rows);
        for (std::size_t i = 0; i < w.rows; ++i) {
          Floats column;
          for (std::size_t r = 0; r < 7; ++r) column.push_back(y[r * w.rows + i]);
          // Half a step of 1/127 for each activation, if all erred alike.
          w.check(column, x, i, 0.5 / 127, build->name);
        }
        all.insert(all.end(), y.begin(), y.end());
      }
      if (w.type == WeightType::bf16) {
        const Floats y = w.bf16(*build, x), cut = w.bf16(*build, x, cols - 7);
        w.check(y, x, 0, 1.0 / 256, build->name);
        all.insert(all.end(), y.begin(), y.end());
        all.insert(all.end(), cut.begin(), cut.end());
      }
      if (first.empty()) first = all;
      BOOST_TEST(same(first, all), build->name << " differs, " << block_format(w.type).name);
    }
  }
}

// The instructions of some builds add in 16 bits, which the largest weights and activations must
// not overflow.
BOOST_AUTO_TEST_CASE(the_largest_weights_and_activations_give_the_same_bits_in_every_build) {
  Floats x = random_rows(9);
  for (std::size_t i = 0; i < x.size(); ++i)  // rows of one sign, then of changing ones
    x[i] = i / cols % 3 == 0 ? 1.0f : i / cols % 3 == 1 ? -1.0f : x[i] < 0 ? -1.0f : 1.0f;
  for (std::size_t t = 0; t < weight_types; ++t) {
    Weights w{.type = static_cast<WeightType>(t), .rows = 24};
    if (!in_blocks(w.type)) continue;
    const std::size_t bytes = block_format(w.type).bytes;
    const std::vector<std::byte> random = w.data;
    for (std::size_t i = 0; i < w.data.size(); ++i) {
      const std::size_t at = i % bytes, row = i / w.row_bytes;
      const bool scale = w.type == WeightType::q6_k   ? at >= 208
                         : w.type == WeightType::q8_0 ? at < 2
                                                      : at < 4;
      if (!scale)
        w.data[i] = row % 3 == 0                                 ? std::byte{0xff}
                    : row % 3 == 1                               ? std::byte{0x80}
                    : (random[i] & std::byte{1}) == std::byte{0} ? std::byte{0x7f}
                                                                 : std::byte{0x80};
    }
    Floats first;
    for (const CpuKernels* build : builds()) {
      const Floats y = w.blocks(*build, x, 0, w.rows);
      if (first.empty()) first = y;
      BOOST_TEST(same(first, y), build->name << " differs, " << block_format(w.type).name);
    }
  }
}

BOOST_AUTO_TEST_CASE(the_bits_of_a_product_do_not_depend_on_the_rows_beside_it) {
  constexpr std::size_t most = 40, out = 27;
  const Floats x = random_rows(most);
  for (const CpuKernels* build : builds())
    for (std::size_t t = 0; t < weight_types; ++t) {
      Weights w{.type = static_cast<WeightType>(t), .rows = out};
      const auto rows = [&](std::size_t first, std::size_t count) {
        return Floats(x.begin() + static_cast<std::ptrdiff_t>(first * cols),
                      x.begin() + static_cast<std::ptrdiff_t>((first + count) * cols));
      };
      const bool blocks = in_blocks(w.type), bf16 = w.type == WeightType::bf16;
      Floats products, floats, rounded;
      for (std::size_t r = 0; r < most; ++r) {
        if (blocks)
          for (std::size_t i = 0; i < out; ++i)
            products.push_back(w.blocks(*build, rows(r, 1), i, 1)[0]);
        floats.push_back(w.floats(*build, rows(r, 1))[0]);
        if (bf16) rounded.push_back(w.bf16(*build, rows(r, 1))[0]);
      }
      for (std::size_t n = 1; n <= most; ++n) {
        const auto what = [&] {
          return std::string(build->name) + ", " + block_format(w.type).name +
                 ", rows: " + std::to_string(n);
        };
        const auto of = [&](const Floats& all, std::size_t each) {
          return Floats(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(n * each));
        };
        if (blocks)
          BOOST_TEST(same(w.blocks(*build, rows(0, n), 0, out), of(products, out)), what());
        BOOST_TEST(same(w.floats(*build, rows(0, n)), of(floats, 1)), what());
        if (bf16) BOOST_TEST(same(w.bf16(*build, rows(0, n)), of(rounded, 1)), what());
      }
    }
}

BOOST_AUTO_TEST_CASE(packed_matrices_give_the_same_bits_in_every_build_for_any_number_of_rows) {
  constexpr std::size_t most = 40, in = 77, panels = 5, out = 16 * panels - 3;
  const Floats x = random_rows(most), w = random_rows(16 * panels);
  std::vector<std::uint16_t> bf16(w.size());
  portable_kernels.round_bf16(w.data(), w.size(), bf16.data());
  for (const bool rounded : {false, true}) {
    const PackedRows rows{.data = rounded ? static_cast<const void*>(bf16.data()) : w.data(),
                          .bf16 = rounded,
                          .in = in,
                          .out = out};
    Floats first(most * out);
    for (std::size_t r = 0; r < most; ++r)
      for (std::size_t panel = 0; panel < panels; ++panel)
        portable_kernels.multiply_packed(rows, panel, panel + 1, {&x[r * in], in, 1, 0}, 1, nullptr,
                                         &first[r * out]);
    for (std::size_t i = 0; i < out; ++i) {
      double exact = 0;
      for (std::size_t c = 0; c < in; ++c)
        exact += static_cast<double>(w[(i / 16 * in + c) * 16 + i % 16]) * x[c];
      BOOST_TEST(std::abs(first[i] - exact) < (rounded ? 0.1 : 1e-5));
    }
    for (const CpuKernels* build : builds())
      for (std::size_t n = 1; n <= most; ++n) {
        Floats y(n * out);
        build->multiply_packed(rows, 0, panels, {x.data(), in, 1, 0}, n, nullptr, y.data());
        BOOST_TEST(
            same(y, Floats(first.begin(), first.begin() + static_cast<std::ptrdiff_t>(y.size()))),
            build->name << ", rows: " << n);
      }
  }
}

BOOST_AUTO_TEST_CASE(the_bits_of_a_gate_do_not_depend_on_where_its_row_starts) {
  for (const CpuKernels* build : builds())
    for (const std::size_t width : {1, 5, 8, 13, 100}) {
      constexpr std::size_t rows = 9;
      const Floats x = random_rows(4);
      Floats gate(x.begin(), x.begin() + static_cast<std::ptrdiff_t>(rows * width)),
          up(x.end() - static_cast<std::ptrdiff_t>(rows * width), x.end()), one = gate;
      build->silu_mul(gate.data(), up.data(), gate.size());
      for (std::size_t r = 0; r < rows; ++r)
        build->silu_mul(&one[r * width], &up[r * width], width);
      BOOST_TEST(same(gate, one), build->name << ", width " << width);
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

BOOST_AUTO_TEST_CASE(rows_that_overlap_are_multiplied_as_if_each_were_there_for_itself) {
  // A convolution with 3 taps and dilation 2: row r is x[r], x[r + 2], x[r + 4].
  constexpr std::size_t n = 29, width = 11, taps = 3, out = 70;
  const Floats x = random_values((n + 4) * width, 3), bias = random_values(out, 5),
               w = random_values(80 * taps * width, 4);
  const PackedRows rows{.data = w.data(), .bf16 = false, .in = taps * width, .out = out};
  Floats apart;
  for (std::size_t r = 0; r < n; ++r)
    for (std::size_t tap = 0; tap < taps; ++tap) {
      const auto from = x.begin() + static_cast<std::ptrdiff_t>((r + 2 * tap) * width);
      apart.insert(apart.end(), from, from + width);
    }
  Floats expected(n * out);
  for (std::size_t r = 0; r < n; ++r)
    portable_kernels.multiply_packed(rows, 0, 5, {&apart[r * rows.in], rows.in, 1, 0}, 1,
                                     bias.data(), &expected[r * out]);
  for (const CpuKernels* build : builds()) {
    Floats y(n * out);
    build->multiply_packed(rows, 0, 5, {x.data(), width, taps, 2 * width}, n, bias.data(),
                           y.data());
    BOOST_TEST(same(y, expected), build->name);
  }
}

BOOST_AUTO_TEST_CASE(snake_is_that_of_the_library_and_the_same_in_every_build) {
  for (const std::size_t width : {1, 7, 8, 21}) {
    for (const float size : {1.0f, 30.0f, 3000.0f}) {
      Floats x = random_values(width, 1);
      for (float& value : x) value *= size;
      const Floats f = random_values(width, 2), a = random_values(width, 3);
      Floats first(width);
      portable_kernels.snake(x.data(), f.data(), a.data(), first.data(), width);
      for (std::size_t i = 0; i < width; ++i) {
        const double sine = std::sin(static_cast<double>(f[i] * x[i]));
        const double exact = static_cast<double>(x[i]) + static_cast<double>(a[i]) * sine * sine;
        BOOST_TEST(std::abs(static_cast<double>(first[i]) - exact) <
                   3e-7 * (1 + std::abs(exact)) * (1 + std::abs(static_cast<double>(a[i]))));
      }
      for (const CpuKernels* build : builds()) {
        Floats y(width);
        build->snake(x.data(), f.data(), a.data(), y.data(), width);
        BOOST_TEST(same(y, first), build->name);
      }
    }
  }
}
