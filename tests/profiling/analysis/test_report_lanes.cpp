// The rows of a report and their labels.
#include <boost/test/unit_test.hpp>
#include <list>

#include "profiling/analysis/report_lanes.hpp"

namespace prof = limelight::profiling;
using Lanes = prof::ReportLanes;

namespace {

struct Rows {
  Lanes lanes;
  std::list<std::string> texts;
  void name(const char* what, std::int64_t pid, std::int64_t tid, const std::string& value) {
    prof::EventLine event;
    event.phase = 'M';
    event.name = what;
    event.pid = pid;
    event.tid = tid;
    event.args = texts.emplace_back(
        (event.name == "process_labels" ? R"({"labels":")" : R"({"name":")") + value + "\"}");
    lanes.metadata(event);
  }
  Lanes::Track track(std::int64_t pid,
                     std::int64_t tid,
                     Lanes::Kind kind,
                     int rank = 0,
                     const std::string& spans = {}) {
    prof::EventLine event;
    event.pid = pid;
    event.tid = tid;
    return lanes.track(event, kind, rank, spans);
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(report_lanes)

BOOST_FIXTURE_TEST_CASE(a_thread_has_a_row_and_its_name_may_come_later, Rows) {
  lanes.begin_file();
  const auto main = track(7, 1, Lanes::Kind::thread);
  BOOST_TEST(track(7, 1, Lanes::Kind::thread) == main);
  BOOST_TEST(track(7, 2, Lanes::Kind::thread) != main);
  BOOST_TEST(lanes.label(main) == "thread 1");
  name("thread_name", 7, 1, "compute");
  BOOST_TEST(lanes.label(main) == "compute");
  lanes.name_thread(7, 1, "text of the file");  // what is stated counts more
  BOOST_TEST(lanes.label(main) == "compute");
}

BOOST_FIXTURE_TEST_CASE(a_second_process_of_a_rank_is_named_before_its_threads, Rows) {
  lanes.begin_file();
  track(7, 1, Lanes::Kind::thread);
  const auto other = track(8, 1, Lanes::Kind::thread);
  BOOST_TEST(lanes.label(other) == "process 8, thread 1");
  name("process_name", 8, 0, "loader");
  BOOST_TEST(lanes.label(other) == "loader, thread 1");
}

BOOST_FIXTURE_TEST_CASE(devices_have_streams_annotations_and_spans_rows_of_their_own, Rows) {
  lanes.begin_file();
  const auto stream = track(0, 7, Lanes::Kind::device);
  const auto notes = track(0, 7, Lanes::Kind::annotations);
  BOOST_TEST(lanes.label(stream) == "device 0, stream 7");
  name("process_labels", 0, 0, "GPU 0");
  BOOST_TEST(lanes.of_device(0));
  BOOST_TEST(lanes.label(stream) == "GPU 0, stream 7");
  BOOST_TEST(lanes.label(notes) == "GPU 0, stream 7, annotations");
  name("process_name", 5, 0, "/device:TPU:0");
  BOOST_TEST(lanes.of_device(5));
  name("process_labels", 5, 0, "CPU");
  BOOST_TEST(!lanes.of_device(5));
  BOOST_TEST(!lanes.of_device(6));
  const auto spans = track(7, 1, Lanes::Kind::spans, 0, "requests");
  BOOST_TEST(track(7, 2, Lanes::Kind::spans, 0, "requests") == spans);  // of any thread
  BOOST_TEST(lanes.label(spans) == "spans: requests");
}

BOOST_FIXTURE_TEST_CASE(the_same_numbers_in_another_file_are_others, Rows) {
  lanes.begin_file();
  const auto first = track(7, 1, Lanes::Kind::thread, 0);
  name("thread_name", 7, 1, "a");
  lanes.begin_file();
  const auto second = track(7, 1, Lanes::Kind::thread, 1);
  name("thread_name", 7, 1, "b");
  BOOST_TEST(first != second);
  BOOST_TEST(lanes.label(first) == "a");
  BOOST_TEST(lanes.label(second) == "b");
  BOOST_TEST(lanes.lane(second).rank == 1);
}

BOOST_AUTO_TEST_SUITE_END()
