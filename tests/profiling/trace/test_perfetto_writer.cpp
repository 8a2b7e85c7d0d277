// A trace in Perfetto's own format, as a reader of its messages finds it. (That Perfetto finds in
// it what it finds in JSON: tests/oracle/compare_with_perfetto.mjs.)
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <map>
#include <protozero/pbf_reader.hpp>

#include "profiling/trace/perfetto_writer.hpp"

namespace prof = limelight::profiling;
using prof::DeviceActivity;
using prof::ValueKind;
using protozero::pbf_reader;

namespace {

const std::vector<prof::NameInfo> known{
    {.name = "outer"},
    {.name = "inner", .value_kind = ValueKind::matmul},
    {.name = "step", .category = prof::Category::user_annotation, .value_kind = ValueKind::step},
    {.name = "queue", .value_kind = ValueKind::counter}};
enum : prof::NameId { outer, inner, step, queue };

struct Event {
  std::uint64_t at_ns = 0, track = 0;
  std::int32_t type = 0;
  std::string name;
  std::int64_t value = 0;
};

// Packets as a reader takes them: sorted by time, those of one time in the order of the file.
struct Read {
  std::vector<Event> events;
  std::map<std::uint64_t, std::string> tracks;
  explicit Read(std::string_view text) {
    std::map<std::uint64_t, std::string> names;
    pbf_reader trace(text.data(), text.size());
    while (trace.next(1)) {
      Event event;
      bool is_event = false;
      pbf_reader packet = trace.get_message();
      while (packet.next()) switch (packet.tag()) {
          case 8: event.at_ns = packet.get_uint64(); break;
          case 11:
            read_event(packet.get_message(), names, event);
            is_event = true;
            break;
          case 12: read_names(packet.get_message(), names); break;
          case 60: read_track(packet.get_message()); break;
          default: packet.skip();
        }
      if (is_event) events.push_back(event);
    }
    std::stable_sort(events.begin(), events.end(),
                     [](const Event& a, const Event& b) { return a.at_ns < b.at_ns; });
  }
  // Such as "outer( inner( ) )".
  std::string nesting() const {
    std::string text;
    for (const Event& event : events)
      if (event.type == 1) text += event.name + "( ";
      else if (event.type == 2) text += ") ";
    return text;
  }

 private:
  static void read_event(pbf_reader message,
                         const std::map<std::uint64_t, std::string>& names,
                         Event& event) {
    while (message.next()) switch (message.tag()) {
        case 9: event.type = message.get_enum(); break;
        case 10: event.name = names.at(message.get_uint64()); break;
        case 11: event.track = message.get_uint64(); break;
        case 23: event.name = message.get_string(); break;
        case 30: event.value = message.get_int64(); break;
        default: message.skip();
      }
  }
  static void read_names(pbf_reader message, std::map<std::uint64_t, std::string>& names) {
    while (message.next()) {
      if (message.tag() != 2) {
        message.skip();
        continue;
      }
      pbf_reader entry = message.get_message();
      std::uint64_t number = 0;
      while (entry.next())
        if (entry.tag() == 1) number = entry.get_uint64();
        else names[number] = entry.get_string();
    }
  }
  void read_track(pbf_reader message) {
    std::uint64_t uuid = 0;
    while (message.next())
      if (message.tag() == 1) uuid = message.get_uint64();
      else if (message.tag() == 2) tracks[uuid] = message.get_string();
      else message.skip();
  }
};

struct Trace {
  prof::SessionOptions options{.directory = {},
                               .timestamp = "17",
                               .rank = 3,
                               .stage_id = 2,
                               .stage_name = "code2wav",
                               .base_ns = 1000,
                               .profile = {.format = "pftrace"},
                               .pid = 77};
  std::unique_ptr<prof::TraceText> writer =
      prof::make_trace_text(options,
                            {[](prof::NameId id) { return known.at(id); },
                             [](std::uint32_t request) { return std::to_string(request); }});
  Trace() { writer->begin("tsc"); }
  void span(prof::NameId name, std::uint32_t depth, std::int64_t begin, std::int64_t end) {
    writer->event({0, 0, 5, name, depth, 0}, begin, static_cast<std::uint64_t>(end - begin), 11, 0);
  }
  Read read() {
    writer->end({.rank = 3, .stage_id = 2}, {{11, "worker"}}, "name");
    return Read(writer->view());
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(perfetto_writer)

BOOST_AUTO_TEST_CASE(slices_begin_and_end_at_times_of_the_wall_clock) {
  Trace trace;
  trace.span(step, 0, 10, 20);
  const Read read = trace.read();
  BOOST_REQUIRE(read.events.size() == 3u);
  BOOST_TEST(read.events[0].at_ns == 1010u);
  BOOST_TEST(read.events[0].name == "ProfilerStep#5");
  BOOST_TEST(read.events[1].at_ns == 1020u);
  BOOST_TEST(read.events[1].track == read.events[0].track);
  BOOST_TEST(read.events[2].name == "limelight");
}

BOOST_AUTO_TEST_CASE(what_begins_and_ends_together_nests_as_it_was_recorded) {
  Trace trace;
  trace.span(inner, 2, 10, 15);  // the innermost is recorded first
  trace.span(inner, 2, 15, 20);
  trace.span(step, 1, 10, 20);
  trace.span(inner, 1, 20, 30);
  trace.span(outer, 0, 10, 30);
  trace.span(inner, 1, 30, 31);  // of the next one
  trace.span(outer, 0, 30, 40);
  BOOST_TEST(trace.read().nesting() ==
             "outer( ProfilerStep#5( inner( ) inner( ) ) inner( ) ) outer( inner( ) ) ");
}

BOOST_AUTO_TEST_CASE(what_is_around_may_never_come) {
  Trace trace;
  trace.span(inner, 1, 10, 15);  // its step was discarded, or is still under way at the end
  trace.span(inner, 1, 20, 25);
  BOOST_TEST(trace.read().nesting() == "inner( ) inner( ) ");
}

BOOST_AUTO_TEST_CASE(counters_have_tracks_of_their_names) {
  Trace trace;
  BOOST_TEST(!trace.writer->event({0, 0, 42, queue, 0, 0}, 10, 0, 11, 0));
  const Read read = trace.read();
  BOOST_TEST(read.events[0].type == 4);
  BOOST_TEST(read.events[0].value == 42);
  BOOST_TEST(read.tracks.at(read.events[0].track) == "queue");
}

BOOST_AUTO_TEST_CASE(each_beginning_between_two_calls_is_a_trace) {
  Trace trace;
  std::string text;
  for (int i = 0; i < 20; ++i) {
    trace.span(inner, 1, 10 * i, 10 * i + 5);
    if (i % 5 == 4) trace.span(outer, 0, 10 * (i - 4), 10 * i + 7);
    text += trace.writer->view();
    trace.writer->clear();
    BOOST_CHECK_NO_THROW(Read{text});
  }
}

BOOST_AUTO_TEST_CASE(work_of_a_device_is_on_tracks_below_the_device) {
  Trace trace;
  DeviceActivity kernel;
  kernel.name = "a_kernel";
  kernel.begin_ns = 50;
  kernel.end_ns = 60;
  kernel.stream = 7;
  kernel.correlation = 1;
  trace.writer->device(kernel);
  BOOST_TEST(trace.writer->unmatched() == 1u);
  DeviceActivity call;
  call.kind = DeviceActivity::Kind::runtime;
  call.name = "cudaLaunchKernel";
  call.begin_ns = 40;
  call.end_ns = 45;
  call.thread = 11;
  call.correlation = 1;
  trace.writer->device(call);
  BOOST_TEST(trace.writer->unmatched() == 0u);
  const Read read = trace.read();
  std::vector<std::string> names;
  for (const auto& [uuid, name] : read.tracks) names.push_back(name);
  std::sort(names.begin(), names.end());
  const std::vector<std::string> expected{"CUDA calls of thread 11", "rank 3: GPU 0", "stream 7"};
  BOOST_TEST(names == expected, boost::test_tools::per_element());
  BOOST_TEST(read.nesting() == "cudaLaunchKernel( ) a_kernel( ) ");
}

BOOST_AUTO_TEST_SUITE_END()
