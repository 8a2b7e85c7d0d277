// Checks that a device computes what formulas in double give. Used for the CPU, and for a GPU if
// there is one.
#pragma once

#include <boost/test/unit_test.hpp>
#include <cmath>
#include <random>
#include <vector>

#include "stages/devices/device.hpp"

namespace limelight::tests {

inline std::vector<float> random_values(std::size_t count, unsigned seed) {
  std::mt19937 engine(seed);
  std::uniform_real_distribution<float> spread(-1, 1);
  std::vector<float> values(count);
  for (float& v : values) v = spread(engine);
  return values;
}
inline stages::Array on(stages::Device& device, const std::vector<float>& values) {
  stages::Array array(device, values.size());
  device.upload(values, array.span());
  return array;
}
inline std::vector<float> off(stages::Device& device, const stages::Array& array) {
  std::vector<float> values(array.size());
  device.download(array.span(), values);
  return values;
}
inline double largest_difference(const std::vector<float>& found,
                                 const std::vector<double>& expected) {
  BOOST_REQUIRE(found.size() == expected.size());
  double most = 0;
  for (std::size_t i = 0; i < found.size(); ++i)
    most = std::max(most, std::abs(static_cast<double>(found[i]) - expected[i]));
  return most;
}

// Sizes that are not multiples of a vector or block, and a single row.
inline void check_linear(stages::Device& device, ipc::DType dtype, double tolerance) {
  const struct {
    int n, in, out;
  } shapes[] = {{1, 64, 96}, {1, 33, 7}, {5, 48, 130}, {37, 100, 1}, {1, 1, 1}};
  for (const auto& s : shapes) {
    const auto count = [](int a, int b) {
      return static_cast<std::size_t>(a) * static_cast<std::size_t>(b);
    };
    const std::vector<float> x = random_values(count(s.n, s.in), 1),
                             w = random_values(count(s.out, s.in), 2);
    std::vector<double> expected;
    for (int r = 0; r < s.n; ++r)
      for (int o = 0; o < s.out; ++o) {
        double sum = 0;
        for (int i = 0; i < s.in; ++i)
          sum += static_cast<double>(x[count(r, s.in) + static_cast<std::size_t>(i)]) *
                 w[count(o, s.in) + static_cast<std::size_t>(i)];
        expected.push_back(sum);
      }
    const auto matrix = device.pack(w, s.out, s.in, dtype);
    const stages::Array rows = on(device, x);
    for (int twice = 0; twice < 2; ++twice) {
      stages::Array y(device, expected.size());
      device.linear(rows.span(), *matrix, y.span(), s.n);
      BOOST_TEST(largest_difference(off(device, y), expected) < tolerance * std::sqrt(s.in));
    }
  }
}

inline void check_row_operations(stages::Device& device) {
  const std::vector<float> x = random_values(3 * 40, 3), y = random_values(3 * 40, 4);
  stages::Array a = on(device, x), b = on(device, y), normed(device, x.size());
  std::vector<double> expected(x.size());
  device.rms_norm(a.span(), normed.span(), 3, 40, {}, 1e-6f);
  for (std::size_t r = 0; r < 3; ++r) {
    double sum = 0;
    for (std::size_t i = 0; i < 40; ++i) sum += static_cast<double>(x[r * 40 + i]) * x[r * 40 + i];
    for (std::size_t i = 0; i < 40; ++i)
      expected[r * 40 + i] = x[r * 40 + i] / std::sqrt(sum / 40 + 1e-6);
  }
  BOOST_TEST(largest_difference(off(device, normed), expected) < 1e-5);
  device.add(a.span(), b.span());
  for (std::size_t i = 0; i < x.size(); ++i) expected[i] = static_cast<double>(x[i]) + y[i];
  BOOST_TEST(largest_difference(off(device, a), expected) < 1e-6);
  const std::pair<stages::Activation, double (*)(double)> activations[] = {
      {stages::Activation::silu, [](double v) { return v / (1 + std::exp(-v)); }},
      {stages::Activation::gelu, [](double v) { return v * std::erfc(-v / std::sqrt(2)) / 2; }},
      {stages::Activation::gelu_tanh, [](double v) {
         return v / 2 * (1 + std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v)));
       }}};
  for (const auto& [activation, f] : activations) {
    stages::Array gate = on(device, x);
    device.gate_mul(gate.span(), b.span(), activation);
    for (std::size_t i = 0; i < x.size(); ++i) expected[i] = f(x[i]) * y[i];
    BOOST_TEST(largest_difference(off(device, gate), expected) < 1e-5);
  }
}

// Rows of two sequences in one step, with blocks that are not in order, two query heads for each
// key head: attention to earlier positions and to the rows of the same step. The rows of one
// sequence give the same bits when they come alone. seen: by a window; 0: all.
inline void check_attention(stages::Device& device, double scale, double cap, int seen) {
  constexpr int heads = 4, kv_heads = 2, d = 8, n = 3, before = 2, width = kv_heads * d;
  const std::vector<float> q = random_values(n * heads * d, 5),
                           k = random_values((before + n) * width, 6),
                           v = random_values((before + n) * width, 7);
  // Blocks of two positions: positions 0, 1 in block 4, then 1, then 3. Another sequence has 0.
  stages::Placement earlier{.positions = {0, 1},
                            .sequences = {0, 0},
                            .slots = {8, 9},
                            .tables = {4, 1, 3},
                            .table_width = 3,
                            .block_size = 2},
      now{.positions = {2, 3, 4, 0},
          .sequences = {0, 0, 0, 1},
          .slots = {2, 3, 6, 0},
          .tables = {4, 1, 3, 0, 0, 0},
          .table_width = 3,
          .block_size = 2};
  stages::Array keys = on(device, std::vector<float>(10 * width, NAN)),
                values = on(device, std::vector<float>(10 * width, NAN));
  const auto store = [&](const std::vector<float>& rows, int from, int count, stages::Array& cache,
                         bool another) {
    std::vector<float> some(rows.begin() + from * width, rows.begin() + (from + count) * width);
    if (another) some.insert(some.end(), rows.begin(), rows.begin() + width);
    const stages::Array put = on(device, some);
    device.store(put.span(), cache.span(), width);
  };
  device.place(earlier);
  store(k, 0, before, keys, false);
  store(v, 0, before, values, false);
  device.place(now);
  store(k, before, n, keys, true);
  store(v, before, n, values, true);
  std::vector<float> with_another = q;
  with_another.insert(with_another.end(), q.begin(), q.begin() + heads * d);
  const stages::Array queries = on(device, with_another);
  stages::Array both(device, with_another.size());
  const stages::AttentionShape shape{.heads = heads,
                                     .kv_heads = kv_heads,
                                     .head_dim = d,
                                     .scale = static_cast<float>(scale),
                                     .cap = static_cast<float>(cap),
                                     .window = seen};
  device.attention(queries.span(), keys.span(), values.span(), both.span(), shape);
  std::vector<float> out = off(device, both);
  out.resize(q.size());
  const stages::Placement alone{.positions = {2, 3, 4},
                                .sequences = {0, 0, 0},
                                .slots = {2, 3, 6},
                                .tables = {4, 1, 3},
                                .table_width = 3,
                                .block_size = 2};
  device.place(alone);
  const stages::Array few = on(device, q);
  stages::Array again(device, q.size());
  device.attention(few.span(), keys.span(), values.span(), again.span(), shape);
  BOOST_TEST((off(device, again) == out));
  std::vector<double> expected;
  for (int r = 0; r < n; ++r)
    for (int h = 0; h < heads; ++h) {
      std::vector<double> weights;
      double sum = 0;
      const int first = seen > 0 ? std::max(0, before + r + 1 - seen) : 0;
      for (int t = first; t <= before + r; ++t) {
        double dot = 0;
        for (int i = 0; i < d; ++i)
          dot += static_cast<double>(q[static_cast<std::size_t>((r * heads + h) * d + i)]) *
                 k[static_cast<std::size_t>((t * kv_heads + h / 2) * d + i)];
        dot *= scale > 0 ? scale : 1 / std::sqrt(d);
        weights.push_back(std::exp(cap > 0 ? cap * std::tanh(dot / cap) : dot));
        sum += weights.back();
      }
      for (int i = 0; i < d; ++i) {
        double value = 0;
        for (int t = first; t <= before + r; ++t)
          value += weights[static_cast<std::size_t>(t - first)] / sum *
                   v[static_cast<std::size_t>((t * kv_heads + h / 2) * d + i)];
        expected.push_back(value);
      }
    }
  BOOST_TEST(largest_difference(out, expected) < 1e-5);
}

// Rows at three positions of one sequence. pairs: of each head that are rotated.
inline void check_rope(stages::Device& device, int pairs, double scale, bool interleaved) {
  constexpr int heads = 2, d = 8, n = 3, before = 2;
  const std::vector<float> x = random_values(n * heads * d, 5);
  std::vector<float> frequencies;
  for (int i = 0; i < pairs; ++i)
    frequencies.push_back(static_cast<float>(std::pow(10000.0, -1.0 * i / pairs)));
  const stages::Placement places{.positions = {2, 3, 4},
                                 .sequences = {0, 0, 0},
                                 .slots = {2, 3, 4},
                                 .tables = {0},
                                 .table_width = 1};
  device.place(places);
  const stages::Array listed = on(device, frequencies);
  stages::Array turned = on(device, x), usual = on(device, x);
  device.rope(turned.span(), heads, d, {listed.span(), static_cast<float>(scale), interleaved});
  device.rope(usual.span(), heads, d, {{}, static_cast<float>(scale), interleaved});
  std::vector<double> expected(x.begin(), x.end());
  for (int r = 0; r < n; ++r)
    for (int h = 0; h < heads; ++h)
      for (int i = 0; i < pairs; ++i) {
        const auto at = static_cast<std::size_t>((r * heads + h) * d + (interleaved ? 2 * i : i)),
                   other = at + static_cast<std::size_t>(interleaved ? 1 : pairs);
        const double angle = (before + r) *
                             static_cast<double>(frequencies[static_cast<std::size_t>(i)]),
                     a = x[at], b = x[other];
        expected[at] = scale * (a * std::cos(angle) - b * std::sin(angle));
        expected[other] = scale * (b * std::cos(angle) + a * std::sin(angle));
      }
  BOOST_TEST(largest_difference(off(device, turned), expected) < 1e-5);
  if (pairs == d / 2) BOOST_TEST(largest_difference(off(device, usual), expected) < 1e-5);
}

inline void check_device(stages::Device& device) {
  check_linear(device, ipc::DType::float32, 1e-6);
  check_linear(device, ipc::DType::bfloat16, 8e-3);
  check_row_operations(device);
  check_attention(device, 0, 0, 0);
  check_attention(device, 0.7, 0.4, 0);
  for (const int window : {1, 2, 4}) check_attention(device, 0, 0, window);
  for (const bool interleaved : {false, true}) {
    check_rope(device, 4, 1, interleaved);
    check_rope(device, 2, 1.3, interleaved);
  }
  stages::Array grown = on(device, {1, 2, 3});
  grown.resize(1000);
  BOOST_TEST(off(device, grown)[2] == 3.0f);
}

}  // namespace limelight::tests
