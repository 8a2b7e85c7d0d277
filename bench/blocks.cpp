#include "bench/blocks.hpp"

#include <chrono>
#include <cstring>
#include <random>

#include "stages/devices/device.hpp"

namespace limelight::bench {

namespace {

using Clock = std::chrono::steady_clock;

// Random blocks whose scales are of a sensible size.
std::vector<std::byte> random_blocks(stages::WeightType type, std::size_t values) {
  std::mt19937 random(1);
  const stages::BlockFormat& format = stages::block_format(type);
  std::vector<std::byte> blocks(values / format.values * format.bytes);
  for (std::byte& b : blocks) b = static_cast<std::byte>(random());
  const std::size_t first = type == stages::WeightType::q6_k ? 208 : 0,
                    scales = type == stages::WeightType::q4_1 || type == stages::WeightType::q4_k
                                 ? 2
                                 : 1;
  for (std::size_t at = 0; at < blocks.size(); at += format.bytes)
    for (std::size_t i = 0; i < scales; ++i) {
      const auto scale = static_cast<std::uint16_t>(0x2000 | (random() & 0x3ff));  // about 0.01
      std::memcpy(&blocks[at + first + 2 * i], &scale, sizeof scale);
    }
  return blocks;
}

}  // namespace

std::vector<Measurement> bench_blocks(const BlocksOptions& options) {
  const auto in = static_cast<std::size_t>(options.in), out = static_cast<std::size_t>(options.out);
  // A layer's weights are in the cache of the last level at best, never in that of a core.
  constexpr std::size_t copies = 8;
  std::vector<Measurement> results;
  for (const auto type : {stages::WeightType::q4_1, stages::WeightType::q8_0,
                          stages::WeightType::q4_k, stages::WeightType::q6_k}) {
    const stages::BlockFormat& format = stages::block_format(type);
    if (in % format.values != 0) continue;
    const std::size_t row_bytes = in / format.values * format.bytes, bytes = out * row_bytes;
    const auto blocks = random_blocks(type, copies * out * in);
    for (const int threads : {1, 2}) {
      const auto cpu = stages::make_cpu_device({.threads = threads});
      std::vector<std::unique_ptr<stages::Matrix>> matrices;
      for (std::size_t i = 0; i < copies; ++i)
        matrices.push_back(cpu->pack({type, blocks.data() + i * bytes, row_bytes, nullptr},
                                     options.out, options.in));
      for (const int rows : {1, 2, 3, 4, 6, 8, 16, 64, 512}) {
        const auto n = static_cast<std::size_t>(rows);
        std::vector<float> x(n * in), y(n * out);
        for (std::size_t i = 0; i < x.size(); ++i)
          x[i] = static_cast<float>(i * 37 % 101) / 50.0f - 1;
        std::vector<double> ns;
        const double ms_long = options.quick ? 20 : 100;
        for (int turn = 0; turn < 5; ++turn) {
          const auto start = Clock::now();
          double passed = 0;
          int count = 0;
          do {
            cpu->linear(x, *matrices[static_cast<std::size_t>(count++) % copies], y, rows);
            passed = std::chrono::duration<double, std::nano>(Clock::now() - start).count();
          } while (passed < ms_long * 1e6);
          ns.push_back(passed / count / static_cast<double>(bytes));
        }
        results.push_back({"blocks",
                           {{"type", format.name},
                            {"rows", std::to_string(rows)},
                            {"threads", std::to_string(threads)}},
                           quantile(ns, 0.5),
                           "ns/byte",
                           "",
                           std::nullopt});
      }
    }
  }
  return results;
}

}  // namespace limelight::bench
