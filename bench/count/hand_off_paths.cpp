#include <unistd.h>

#include <chrono>
#include <limelight/span.hpp>
#include <memory>
#include <mutex>
#include <thread>

#include "base/helper.hpp"
#include "base/try.hpp"
#include "bench/count/paths.hpp"
#include "ipc/iceoryx/broker.hpp"
#include "ipc/iceoryx/broker_link.hpp"
#include "ipc/iceoryx/channel.hpp"
#include "profiling/record/registry.hpp"

namespace limelight::bench {

namespace prof = limelight::profiling;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t chunks = 256, bytes = 4096;
constexpr std::size_t window = 8;

// Both ends are in this process, and a chunk is there when it is looked for: nobody sleeps.
struct BothEnds {
  ipc::Broker broker;
  std::unique_ptr<ipc::Subscriber> subscriber;
  std::unique_ptr<ipc::Publisher> publisher;
};

std::uint64_t hand_over(BothEnds& ends) {
  ipc::ChunkHeader header;
  header.request = 1;
  header.tensor = ipc::TensorSpec::of(ipc::DType::uint8, {bytes});
  std::uint64_t taken = 0;
  for (std::uint64_t i = 0; i < chunks; ++i) {
    header.sequence = static_cast<std::uint32_t>(i);
    auto loan = ends.publisher->loan(header, 1s);
    if (!loan || !ends.publisher->publish(*loan, 1s)) return 0;
    auto chunk = ends.subscriber->take(1s);
    if (!chunk || !*chunk) return 0;
    taken += sizeof header + (*chunk)->data().size();
  }
  return taken;
}

void drain_after(bool recording) {
  const std::lock_guard lock(prof::detail::registry().drain_mutex);
  prof::detail::drain_rings([](const prof::Record&, int) {});
  prof::detail::recording = recording;
}

}  // namespace

Result<std::vector<CountedPath>> hand_off_paths() {
  const auto helper = find_helper("limelight-broker");
  if (!helper) return helper.error();
  auto broker = ipc::Broker::use(*helper, {{ipc::chunk_bytes(bytes), 4 * window}});
  if (!broker) return broker.error();
  LIMELIGHT_TRY(ipc::attach("limelight-count-" + std::to_string(getpid()), 10s));
  const auto ends = std::make_shared<BothEnds>(BothEnds{std::move(*broker), nullptr, nullptr});
  ends->subscriber = std::make_unique<ipc::Subscriber>("count", window);
  ends->publisher = std::make_unique<ipc::Publisher>("count", bytes, window);
  const auto deadline = std::chrono::steady_clock::now() + 20s;
  while (!ends->publisher->has_subscribers() || !ends->subscriber->connected()) {
    if (std::chrono::steady_clock::now() > deadline)
      return Error{ErrorCode::timeout, "the two ends of a channel did not meet within 20 s"};
    std::this_thread::sleep_for(1ms);
  }
  return std::vector<CountedPath>{
      {"ipc.hand_off", "chunk", chunks, [] { drain_after(false); },
       [=] { return hand_over(*ends); }},
      {"ipc.hand_off_recorded", "chunk", chunks, [] { drain_after(true); },
       [=] {
         const std::uint64_t taken = hand_over(*ends);
         prof::detail::recording = false;
         return taken;
       }}};
}

}  // namespace limelight::bench
