// What a trace says of a channel: a take comes after its publish, and who waits does not work.
#include <algorithm>
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <limelight/span.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "ipc/iceoryx/broker_link.hpp"
#include "profiling/capture/session.hpp"
#include "profiling/record/clock.hpp"
#include "profiling/record/event_names.hpp"
#include "tests/ipc/iceoryx/channels.hpp"
#include "tests/support.hpp"
#include "tests/trace_file.hpp"

using namespace limelight::ipc;
using namespace limelight::tests;
using namespace std::chrono_literals;
namespace prof = limelight::profiling;

namespace {

struct Slice {
  double begin = 0, duration = 0;  // us
  double end() const { return begin + duration; }
};
struct Seen {
  std::map<int, Slice> publishes, takes;  // by the number of the chunk
  std::vector<Slice> chunk_waits, room_waits;
};
// Whether somebody waited from before the slice until it had begun.
bool waited_for(const Slice& slice, const std::vector<Slice>& waits) {
  return std::any_of(waits.begin(), waits.end(), [&](const Slice& wait) {
    return wait.begin < slice.begin && wait.end() > slice.begin;
  });
}
bool overlap(const std::map<int, Slice>& slices, const std::vector<Slice>& waits) {
  constexpr double rounding = 0.001;
  for (const auto& [chunk, slice] : slices)
    for (const Slice& wait : waits)
      if (slice.begin < wait.end() - rounding && wait.begin < slice.end() - rounding) return true;
  return false;
}

Seen read(const std::filesystem::path& file) {
  Seen seen;
  const auto trace = nlohmann::json::parse(read_gzip(file));
  for (const auto& event : trace["traceEvents"]) {
    if (event["ph"] != "X") continue;
    const std::string name = event["name"];
    const Slice slice{event["ts"], event["dur"]};
    if (name == prof::event_names::ipc_publish) seen.publishes[event["args"]["chunk"]] = slice;
    if (name == prof::event_names::ipc_take) seen.takes[event["args"]["chunk"]] = slice;
    if (name == prof::event_names::wait_for_chunk) seen.chunk_waits.push_back(slice);
    if (name == prof::event_names::wait_for_room) seen.room_waits.push_back(slice);
  }
  return seen;
}

// Returns once a thread of this process sleeps. A thread that waits for a processor is not asleep.
void await_sleep_of(pid_t thread) {
  const std::string stat = "/proc/self/task/" + std::to_string(thread) + "/stat";
  for (;; std::this_thread::sleep_for(1ms)) {
    const std::string line = read_file(stat);
    if (line.compare(line.rfind(')'), 4, ") S ") == 0) return;
  }
}

// Both ends in one process, so that their times are of one clock. Each of the first three chunks is
// published when the taker waits for it, for the first one since before the session begins. Then
// the taker rests until the producer waits for room.
int hand_over(const std::filesystem::path& folder) {
  constexpr std::uint64_t chunks = 10, first_rest = 3, window = 4;
  const pid_t producer = gettid();
  std::atomic<std::uint64_t> published = 0, taken = 0;
  std::atomic<pid_t> consumer = 0;
  if (!attach(name("traced"), 5s)) return 1;
  Subscriber subscriber("traced", window);
  Publisher publisher("traced", largest, window);
  while (!publisher.has_subscribers()) usleep(1000);
  std::thread taker([&] {
    consumer = gettid();
    for (std::uint64_t i = 0; i < chunks; ++i) {
      if (!subscriber.take(20s)) return;
      ++taken;
      if (i + 1 != first_rest) continue;
      while (published < first_rest + window) std::this_thread::yield();
      await_sleep_of(producer);
    }
  });
  while (consumer == 0) std::this_thread::yield();
  await_sleep_of(consumer);
  auto session = prof::Session::start({.directory = folder,
                                       .timestamp = "1700000000000",
                                       .stage_name = "test",
                                       .base_ns = prof::default_base_ns()});
  for (std::uint64_t i = 0; i < chunks; ++i) {
    if (i > 0 && i < first_rest) {
      while (taken < i) std::this_thread::yield();
      await_sleep_of(consumer);
    }
    auto loan = publisher.loan(header_for(i, 64), 20s);
    if (!loan || !publisher.publish(*loan, 20s)) return 2;
    ++published;
  }
  taker.join();
  return session.ok() && (*session)->stop().ok() ? 0 : 3;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(channel_trace)

BOOST_AUTO_TEST_CASE(a_take_begins_after_its_publish_and_waits_are_slices_of_their_own) {
  auto broker = Broker::use(BROKER_HELPER, pools);
  if (!broker) BOOST_FAIL(broker.error().message);
  const Folder folder;
  BOOST_REQUIRE(exit_code(in_process([&] { return hand_over(folder.path); })) == 0);
  const Seen seen = read(std::filesystem::directory_iterator(folder.path)->path());
  BOOST_TEST(seen.publishes.size() == 10u);
  BOOST_TEST(seen.takes.size() == 10u);  // also of the first, for which it had waited before
  for (const auto& [chunk, publish] : seen.publishes) {
    BOOST_REQUIRE(seen.takes.contains(chunk));
    BOOST_TEST(publish.begin <= seen.takes.at(chunk).begin, "chunk " << chunk);
  }
  for (int chunk : {1, 2}) {
    BOOST_TEST(waited_for(seen.publishes.at(chunk), seen.chunk_waits), "chunk " << chunk);
  }
  BOOST_TEST(waited_for(seen.takes.at(3), seen.room_waits));  // the first after the rest
  BOOST_TEST(!overlap(seen.takes, seen.chunk_waits));
  BOOST_TEST(!overlap(seen.publishes, seen.room_waits));
}

BOOST_AUTO_TEST_SUITE_END()
