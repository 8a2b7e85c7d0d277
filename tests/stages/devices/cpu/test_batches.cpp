// A row's result is the same bits, whether it is computed alone or in a batch.
#include <boost/test/unit_test.hpp>
#include <cstring>
#include <limelight/config.hpp>

#include "tests/device_checks.hpp"
#include "tests/stages/devices/cpu/random_blocks.hpp"

using namespace limelight;
using namespace limelight::stages;

namespace {

std::size_t product(int a, int b) {
  return static_cast<std::size_t>(a) * static_cast<std::size_t>(b);
}

// Multiplies `most` rows one by one, then as batches of several sizes.
void check_batches(Device& device, const Matrix& matrix, const std::string& what) {
  constexpr int most = 64;
  const auto in = static_cast<std::size_t>(matrix.in), out = static_cast<std::size_t>(matrix.out);
  const std::vector<float> x = tests::random_values(product(most, matrix.in), 5);
  std::vector<float> alone(product(most, matrix.out));
  for (std::size_t r = 0; r < most; ++r)
    device.linear(std::span(x).subspan(r * in, in), matrix, std::span(alone).subspan(r * out, out),
                  1);
  for (const int n : {2, 3, 4, 5, 7, 8, 13, 16, 17, 31, 33, 64}) {
    std::vector<float> together(product(n, matrix.out));
    const std::size_t first = static_cast<std::size_t>(most - n);
    device.linear(std::span(x).subspan(first * in, product(n, matrix.in)), matrix, together, n);
    int wrong = 0;
    for (std::size_t r = 0; r < static_cast<std::size_t>(n); ++r)
      wrong += std::memcmp(&together[r * out], &alone[(first + r) * out], out * sizeof(float)) != 0;
    BOOST_TEST(wrong == 0, what << ", " << matrix.in << " to " << matrix.out << ": " << wrong
                                << " of " << n << " rows differ from the same row alone");
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_row_alone_and_in_a_batch_gives_the_same_bits_for_packed_matrices) {
  const auto cpu = make_cpu_device();
  std::mt19937 random(1);
  std::vector<std::pair<int, int>> shapes{{32, 2048}, {2048, 32}, {1, 1}, {16, 96}, {512, 1536}};
  const auto size = [&] { return static_cast<int>(32 + random() % (random() % 4 ? 500 : 2017)); };
  for (int i = 0; i < 8; ++i) shapes.emplace_back(size(), size());
  for (const auto& [in, out] : shapes)
    for (const ipc::DType dtype : {ipc::DType::float32, ipc::DType::bfloat16}) {
      const auto matrix = cpu->pack(tests::random_values(product(in, out), 7), out, in, dtype);
      check_batches(*cpu, *matrix, ipc::to_string(dtype));
    }
}

BOOST_AUTO_TEST_CASE(a_row_alone_and_in_a_batch_gives_the_same_bits_for_weights_of_a_file) {
  for (const Activations activations :
       {Activations::int8, Activations::float32, Activations::bfloat16})
    for (const int threads : {1, 2}) {
      const auto cpu = make_cpu_device({.threads = threads, .activations = activations});
      for (std::size_t t = 0; t < weight_types; ++t) {
        const auto type = static_cast<WeightType>(t);
        const BlockFormat& format = block_format(type);
        for (const auto& [in, out] : {std::pair{256, 36}, std::pair{768, 100}}) {
          const auto data = tests::random_blocks(type, product(in, out));
          const auto matrix =
              cpu->pack({.type = type,
                         .data = data.data(),
                         .row_bytes = static_cast<std::size_t>(in) / format.values * format.bytes,
                         .keep = nullptr},
                        out, in);
          check_batches(*cpu, *matrix, format.name);
        }
      }
    }
}

BOOST_AUTO_TEST_CASE(a_row_alone_and_in_a_batch_gives_the_same_bits_in_the_other_operations) {
  const auto cpu = make_cpu_device();
  constexpr int n = 9;
  for (const int width : {1, 7, 24, 37}) {
    const std::vector<float> x = tests::random_values(product(n, width), 1),
                             up = tests::random_values(product(n, width), 2);
    std::vector<float> normed(x.size()), gate = x, normed_alone(x.size()), gate_alone = x;
    cpu->rms_norm(x, normed, n, width, {}, 1e-6f);
    cpu->gate_mul(gate, up, Activation::silu);
    for (std::size_t r = 0; r < n; ++r) {
      const std::size_t at = r * static_cast<std::size_t>(width), size = normed.size() / n;
      cpu->rms_norm(std::span(x).subspan(at, size), std::span(normed_alone).subspan(at, size), 1,
                    width, {}, 1e-6f);
      cpu->gate_mul(std::span(gate_alone).subspan(at, size), std::span(up).subspan(at, size),
                    Activation::silu);
    }
    BOOST_TEST(std::memcmp(normed.data(), normed_alone.data(), 4 * normed.size()) == 0);
    BOOST_TEST(std::memcmp(gate.data(), gate_alone.data(), 4 * gate.size()) == 0);
  }
}
