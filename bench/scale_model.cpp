#include "bench/scale_model.hpp"

#include <algorithm>
#include <random>

namespace limelight::bench {

namespace {

double asked_us(const ScaleConstants& c,
                std::uint64_t ranks,
                std::uint64_t fan,
                std::mt19937& draw);

// How long it takes one that was asked, and its own, to answer.
double answered_us(const ScaleConstants& c,
                   std::uint64_t below,
                   std::uint64_t fan,
                   std::mt19937& draw) {
  const double own = c.rank_us.empty() ? 0 : c.rank_us[draw() % c.rank_us.size()];
  return c.network_us + own + (below > 0 ? asked_us(c, below, fan, draw) : 0);
}

double asked_us(const ScaleConstants& c,
                std::uint64_t ranks,
                std::uint64_t fan,
                std::mt19937& draw) {
  const std::uint64_t asked = fan == 0 ? ranks : std::min(ranks, fan);
  const double once = c.supervisor_us / 2;
  std::vector<double> arrivals;
  std::uint64_t left = ranks - asked;
  for (std::uint64_t i = 0; i < asked; ++i) {
    const std::uint64_t below = left / (asked - i);
    left -= below;
    arrivals.push_back(once * static_cast<double>(i + 1) + answered_us(c, below, fan, draw));
  }
  std::sort(arrivals.begin(), arrivals.end());
  double now = once * static_cast<double>(asked);  // all are asked before an answer is read
  for (const double arrival : arrivals) now = std::max(now, arrival) + once;
  return now;
}

}  // namespace

double fan_out_ms(const ScaleConstants& constants, std::uint64_t ranks, std::uint64_t fan) {
  if (ranks == 0) return 0;
  constexpr int times = 21;
  std::mt19937 draw(1);
  std::vector<double> all;
  for (int i = 0; i < times; ++i) all.push_back(asked_us(constants, ranks, fan, draw) / 1000);
  std::nth_element(all.begin(), all.begin() + times / 2, all.end());
  return all[times / 2];
}

double merge_s(const ScaleConstants& constants, std::uint64_t ranks, std::uint64_t events) {
  const auto files = static_cast<double>(ranks);
  return (files * constants.merge_file_us +
          files * static_cast<double>(events) * constants.merge_event_us) /
         1e6;
}

Volume volume_of(const ScaleConstants& constants, std::uint64_t ranks) {
  const auto count = static_cast<double>(ranks);
  const double bytes_s = count * constants.events_per_rank_s * constants.bytes_per_event;
  return {bytes_s / 1e6, bytes_s * 86'400 / 1e12,
          2 * count * (constants.question_bytes + constants.answer_bytes) / 1e6};
}

}  // namespace limelight::bench
