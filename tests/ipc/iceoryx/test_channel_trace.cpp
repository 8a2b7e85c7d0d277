// What a trace says of a channel: a take comes after its publish, and who waits does not work.
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
};
struct Seen {
  std::map<int, Slice> publishes, takes;      // by the number of the chunk
  std::map<std::string, double> waits, most;  // us by name: all together, and the longest
};

Seen read(const std::filesystem::path& file) {
  Seen seen;
  const auto trace = nlohmann::json::parse(read_gzip(file));
  for (const auto& event : trace["traceEvents"]) {
    if (event["ph"] != "X") continue;
    const std::string name = event["name"];
    const Slice slice{event["ts"], event["dur"]};
    if (name == prof::event_names::ipc_publish) seen.publishes[event["args"]["chunk"]] = slice;
    if (name == prof::event_names::ipc_take) seen.takes[event["args"]["chunk"]] = slice;
    seen.waits[name] += slice.duration;
    seen.most[name] = std::max(seen.most[name], slice.duration);
  }
  return seen;
}

// Both ends in one process, so that their times are of one clock. The taker waits for its first
// chunk before the session begins, and rests for a while when it has three.
int hand_over(const std::filesystem::path& folder) {
  constexpr std::uint64_t chunks = 10, first_rest = 3;
  if (!attach(name("traced"), 5s)) return 1;
  Subscriber subscriber("traced", 4);
  Publisher publisher("traced", largest, 4);
  while (!publisher.has_subscribers()) usleep(1000);
  std::thread taker([&] {
    for (std::uint64_t i = 0; i < chunks; ++i) {
      if (!subscriber.take(20s)) return;
      if (i + 1 == first_rest) std::this_thread::sleep_for(50ms);
    }
  });
  std::this_thread::sleep_for(20ms);  // now it waits
  auto session = prof::Session::start({.directory = folder,
                                       .timestamp = "1700000000000",
                                       .stage_name = "test",
                                       .base_ns = prof::default_base_ns()});
  for (std::uint64_t i = 0; i < chunks; ++i) {
    auto loan = publisher.loan(header_for(i, 64), 20s);
    if (!loan || !publisher.publish(*loan, 20s)) return 2;
    if (i < first_rest) std::this_thread::sleep_for(5ms);
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
  const auto of = [](const std::map<std::string, double>& times, std::string_view name) {
    const auto at = times.find(std::string(name));
    return at == times.end() ? 0.0 : at->second;
  };
  BOOST_TEST(of(seen.waits, prof::event_names::wait_for_chunk) > 8000);  // two pauses of 5 ms
  BOOST_TEST(of(seen.most, prof::event_names::ipc_take) < 4000);
  BOOST_TEST(of(seen.most, prof::event_names::wait_for_room) > 20'000);  // until it had rested
  BOOST_TEST(of(seen.most, prof::event_names::ipc_publish) < 20'000);
}

BOOST_AUTO_TEST_SUITE_END()
