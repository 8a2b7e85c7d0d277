// The rings of all threads: what they hold, whom it is of, and that rings of ended threads go.
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <limelight/span.hpp>
#include <thread>

#include "profiling/record/registry.hpp"

namespace prof = limelight::profiling;

namespace {

struct Recording {
  Recording() { prof::detail::recording = true; }
  ~Recording() {
    prof::detail::stop_recording();
    (void)drained();
  }
  static std::vector<std::pair<prof::Record, int>> drained() {
    const std::lock_guard lock(prof::detail::registry().drain_mutex);
    std::vector<std::pair<prof::Record, int>> all;
    prof::detail::drain_rings(
        [&](const prof::Record& record, int thread) { all.emplace_back(record, thread); });
    return all;
  }
};
int this_thread() { return static_cast<int>(syscall(SYS_gettid)); }
const prof::NameId name = prof::intern("registered");

}  // namespace

BOOST_AUTO_TEST_SUITE(record_registry)

BOOST_AUTO_TEST_CASE(records_come_with_their_thread_their_depth_and_their_request) {
  const Recording recording;
  int thread = 0;
  std::thread([&] {
    thread = this_thread();
    const prof::RequestScope request(9);
    const prof::Span outside(name, 1);
    const prof::Span inside(name, 2);
  }).join();
  const auto records = Recording::drained();
  BOOST_REQUIRE(records.size() == 2u);
  for (const auto& [record, of] : records) {
    BOOST_TEST(of == thread);
    BOOST_TEST(record.request == 9u);
    BOOST_TEST(record.name == name);
    BOOST_TEST(record.begin <= record.end);
  }
  BOOST_TEST(records[0].first.value == 2u);  // as they ended
  BOOST_TEST(records[0].first.depth == 1u);
  BOOST_TEST(records[1].first.depth == 0u);
  BOOST_TEST(Recording::drained().empty());
}

BOOST_AUTO_TEST_CASE(what_was_measured_elsewhere_lies_inside_the_open_span) {
  prof::add_span(name, 1, 2);  // nothing records
  const Recording recording;
  std::uint64_t begin = 0;
  {
    const prof::RequestScope request(9);
    const prof::Span outside(name);
    begin = outside.begin_ticks();
    prof::add_span(name, begin, begin + 5, 77);
  }
  const auto records = Recording::drained();
  BOOST_REQUIRE(records.size() == 2u);
  const prof::Record& inside = records[0].first;
  BOOST_TEST(inside.begin == begin);
  BOOST_TEST(inside.end == begin + 5);
  BOOST_TEST(inside.value == 77u);
  BOOST_TEST(inside.depth == 1u);
  BOOST_TEST(inside.request == 9u);
  BOOST_TEST(records[1].first.depth == 0u);
}

BOOST_AUTO_TEST_CASE(the_ring_of_a_thread_that_ended_is_freed_and_its_drops_are_counted) {
  const Recording recording;
  const auto rings = [] {
    const std::lock_guard lock(prof::detail::registry().mutex);
    return prof::detail::registry().rings.size();
  };
  (void)Recording::drained();
  const std::size_t before = rings();
  const std::uint64_t drops = prof::detail::ring_drops();
  std::size_t kept = 0;
  std::thread([&] {
    { const prof::Span first(name); }
    const std::lock_guard lock(prof::detail::registry().mutex);
    kept = prof::detail::registry().rings.back()->capacity();
  }).join();
  BOOST_TEST(rings() == before + 1);
  (void)Recording::drained();
  BOOST_TEST(rings() == before);
  std::thread([&] {
    for (std::size_t i = 0; i < kept + 5; ++i) const prof::Span one(name);
  }).join();
  BOOST_TEST(prof::detail::ring_drops() == drops + 5);
  BOOST_TEST(Recording::drained().size() == kept);
  BOOST_TEST(prof::detail::ring_drops() == drops + 5);  // also when the ring is gone
}

BOOST_AUTO_TEST_CASE(a_span_that_is_discarded_or_began_before_the_recording_is_no_record) {
  {
    const prof::Span early(name);
    prof::detail::recording = true;
  }
  const Recording recording;
  {
    prof::Span nothing(name);
    nothing.discard();
    prof::Span late(name);
    late.set_value(4);
  }
  const auto records = Recording::drained();
  BOOST_REQUIRE(records.size() == 1u);
  BOOST_TEST(records[0].first.value == 4u);
  BOOST_TEST(records[0].first.depth == 0u);
}

BOOST_AUTO_TEST_CASE(threads_have_the_names_that_they_were_given_last) {
  int thread = 0;
  std::thread([&] {
    thread = this_thread();
    prof::name_thread("starter");
    prof::name_thread("worker");
  }).join();
  const auto names = prof::detail::thread_names();
  BOOST_TEST(std::count(names.begin(), names.end(), std::pair(thread, std::string("worker"))) == 1);
  BOOST_TEST(std::none_of(names.begin(), names.end(),
                          [](const auto& name) { return name.second == "starter"; }));
}

BOOST_AUTO_TEST_CASE(a_process_that_starts_threads_for_ever_keeps_a_bounded_number_of_names) {
  for (int i = 0; i < 2000; ++i) std::thread([] { prof::name_thread("one of many"); }).join();
  BOOST_TEST(prof::detail::thread_names().size() <= 1024u);
}

BOOST_AUTO_TEST_SUITE_END()
