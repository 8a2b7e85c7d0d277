#include "ipc/network/clock_probe.hpp"

#include <cstdlib>

#include "base/try.hpp"

namespace limelight::ipc {

namespace {
constexpr std::chrono::seconds patience{5};
struct Answer {
  std::int64_t question = 0, received_ns = 0, sent_ns = 0;
};
}  // namespace

Result<std::vector<ClockSample>> probe_clock(const Socket& socket,
                                             int times,
                                             const ReadClock& clock) {
  std::vector<ClockSample> samples;
  for (int i = 0; i < times; ++i) {
    const std::int64_t t1 = clock();
    LIMELIGHT_TRY(send_all(socket, bytes_of(t1)));
    Answer answer;
    LIMELIGHT_TRY(
        receive_all(socket, bytes_of(answer), std::chrono::steady_clock::now() + patience));
    const std::int64_t t4 = clock();
    ClockSample sample{.offset_ns = 0, .delay_ns = 0, .at_ns = t4};
    std::int64_t there = 0, back = 0;
    if (answer.question != t1 || answer.sent_ns < answer.received_ns ||
        __builtin_sub_overflow(answer.received_ns, t1, &there) ||
        __builtin_sub_overflow(answer.sent_ns, t4, &back))
      return Error{ErrorCode::corrupt, "found an answer to another question about the time"};
    sample.offset_ns = there / 2 + back / 2;
    sample.delay_ns = (t4 - t1) - (answer.sent_ns - answer.received_ns);
    if (sample.delay_ns >= 0) samples.push_back(sample);  // less: somebody has set a clock
  }
  return samples;
}

void answer_probes(const Socket& socket, const ReadClock& clock) {
  Answer answer;
  while (receive_all(socket, bytes_of(answer.question))) {
    answer.received_ns = clock();
    answer.sent_ns = clock();
    if (!send_all(socket, bytes_of(answer))) return;
  }
}

void ClockFilter::add(const ClockSample& sample) {
  if (samples_.size() < kept) samples_.push_back(sample);
  else samples_[next_++ % kept] = sample;
}

ClockFilter::Estimate ClockFilter::at(std::int64_t now_ns) const {
  Estimate best;
  for (const ClockSample& sample : samples_) {
    const std::int64_t age = std::abs(now_ns - sample.at_ns);
    const std::int64_t error = sample.delay_ns / 2 + age / 1'000'000 * drift_ppm + 1;
    if (best.error_ns < 0 || error < best.error_ns) best = {sample.offset_ns, error};
  }
  return best;
}

}  // namespace limelight::ipc
