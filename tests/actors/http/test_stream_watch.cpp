// Clients that read nothing of a stream.
#include <boost/test/unit_test.hpp>
#include <deque>

#include "actors/http/stream_watch.hpp"

using namespace limelight::http;
using namespace std::chrono_literals;

namespace {

// A connection whose peer reads as the case says: at each look the next of the list, then the last
// one again.
struct Scripted final : Transport {
  std::deque<SocketProgress> looks;
  explicit Scripted(std::deque<SocketProgress> list) : looks(std::move(list)) {}
  SocketProgress progress() const override {
    auto& left = const_cast<std::deque<SocketProgress>&>(looks);
    const SocketProgress now = left.front();
    if (left.size() > 1) left.pop_front();
    return now;
  }
  void handshake(std::function<void(bool)>) override {}
  void read(std::span<char>, std::function<void(std::size_t)>) override {}
  void write(std::string_view, std::function<void(bool)>) override {}
  void finish() override {}
  void close() override {}
  const std::string& peer() const override {
    static const std::string name = "a test";
    return name;
  }
};

struct Watched {
  Loop loop;
  int idle = 0;
  // Runs until the client is idle, or the script has been seen to its end and some time more.
  void run(const Scripted& transport, std::chrono::milliseconds limit, bool ends = true) {
    StreamWatch watch(loop, transport, limit);
    watch.start([&] {
      ++idle;
      loop.stop();
    });
    Timer end(loop);
    if (!ends) end.set(3 * std::max(limit, std::chrono::milliseconds(20)), [&] { loop.stop(); });
    loop.run();
    watch.stop();
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(stream_watch)

BOOST_FIXTURE_TEST_CASE(bytes_that_wait_and_are_not_read_end_a_stream, Watched) {
  run(Scripted({{.acknowledged = 100, .left = 50}}), 40ms);
  BOOST_TEST(idle == 1);
}

BOOST_FIXTURE_TEST_CASE(a_client_that_reads_a_little_is_not_idle_until_it_stops, Watched) {
  std::deque<SocketProgress> looks;
  for (std::uint64_t i = 0; i < 20; ++i) looks.push_back({.acknowledged = i, .left = 50});
  const Scripted transport(std::move(looks));
  run(transport, 40ms);
  BOOST_TEST(idle == 1);
  BOOST_TEST(transport.looks.size() == 1u);  // all of the script was seen before
}

BOOST_FIXTURE_TEST_CASE(a_stream_with_nothing_to_say_is_not_idle, Watched) {
  run(Scripted({{.acknowledged = 100, .left = 0}}), 20ms, false);
  BOOST_TEST(idle == 0);
}

BOOST_FIXTURE_TEST_CASE(without_a_limit_nothing_is_watched, Watched) {
  run(Scripted({{.acknowledged = 100, .left = 50}}), 0ms, false);
  BOOST_TEST(idle == 0);
}

BOOST_AUTO_TEST_SUITE_END()
