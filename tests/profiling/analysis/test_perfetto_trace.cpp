// Traces in Perfetto's own format: ours say what they say in JSON, those of others are read as far
// as they are understood, and damaged ones are named.
#include <zlib.h>

#include <boost/test/unit_test.hpp>
#include <limelight/trace.hpp>
#include <nlohmann/json.hpp>
#include <random>

#include "profiling/analysis/trace_reader.hpp"
#include "tests/profiling/both_formats.hpp"
#include "tests/profiling/packets.hpp"
#include "tests/profiling/trace_reading.hpp"
#include "tests/support.hpp"
#include "tests/trace_file.hpp"

namespace fs = std::filesystem;
using namespace limelight::tests;
using nlohmann::json;

namespace {

TraceReading read_packets(const std::string& bytes) {
  const Folder folder;
  return read_trace(write_file(folder.path / "a.pftrace", bytes));
}

std::string tables(const fs::path& file, bool by_shape) {
  const auto table =
      prof::summary_table({file}, {.format = prof::TableFormat::csv, .by_shape = by_shape});
  return table ? *table : table.error().message;
}

struct BothFiles {
  Folder folder;
  fs::path json, packets;
  BothFiles() {
    for (const std::string format : {"json.gz", "pftrace"}) {
      Both both(format);
      both.run(7);
      fs::path& to = format == "pftrace" ? packets : json;
      to = folder.path / (format == "pftrace" ? "same.pftrace" : "same.json");
      both.write(to.string());
    }
  }
};

void add_flow(pbf_writer& event, std::string_view name, std::uint64_t flow) {
  event.add_string(field::event_name, name.data(), name.size());
  event.add_fixed64(field::flows, flow);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(perfetto_trace)

BOOST_AUTO_TEST_CASE(tables_are_those_of_the_same_records_in_json) {
  const BothFiles files;
  for (const bool by_shape : {false, true})
    BOOST_TEST(tables(files.packets, by_shape) == tables(files.json, by_shape));
  BOOST_TEST(tables(files.json, false).size() > 500u);

  json all[2];
  for (const bool packets : {false, true}) {
    const auto text = prof::summary_table({packets ? files.packets : files.json},
                                          {.format = prof::TableFormat::json});
    BOOST_REQUIRE(text.ok());
    json& one = all[packets ? 1 : 0] = json::parse(*text);
    one["files"][0].erase("file");
    one["files"][0].erase("other_events");  // JSON's metadata are others
  }
  BOOST_TEST(all[0].dump(1) == all[1].dump(1));
  BOOST_TEST(all[1]["files"][0]["rank"] == 3);
  BOOST_TEST(all[1]["devices"].size() == 1u);

  const auto difference = prof::diff_table({files.json}, {files.packets});
  BOOST_REQUIRE(difference.ok());
  std::istringstream rows(*difference);
  std::string row;
  for (std::getline(rows, row); std::getline(rows, row);) BOOST_TEST(row.ends_with(" 0.000"), row);
}

BOOST_AUTO_TEST_CASE(a_request_and_a_merge_are_those_of_the_same_records_in_json) {
  const BothFiles files;
  const auto before = prof::describe_request({files.json}, "request 1");
  const auto after = prof::describe_request({files.packets}, "request 1");
  BOOST_REQUIRE(before.ok());
  BOOST_REQUIRE(after.ok());
  BOOST_TEST(*before == *after);
  prof::Merged merged[2];
  std::string text[2];
  for (const bool packets : {false, true}) {
    const fs::path out = files.folder.path / (packets ? "b.json.gz" : "a.json.gz");
    const auto made = prof::merge({packets ? files.packets : files.json}, out);
    BOOST_REQUIRE(made.ok());
    merged[packets ? 1 : 0] = *made;
    const auto table = prof::summary_table({out}, {.format = prof::TableFormat::csv});
    BOOST_REQUIRE(table.ok());
    text[packets ? 1 : 0] = *table;
    for (const std::string& finding : prof::validate({out}))
      BOOST_TEST(finding.find("no JSON") == std::string::npos, finding);
  }
  BOOST_TEST(merged[0].events == merged[1].events);
  BOOST_TEST(merged[0].arrows == merged[1].arrows);
  BOOST_TEST(merged[0].unmatched_chunks == merged[1].unmatched_chunks);
  BOOST_TEST(text[0] == text[1]);
  BOOST_TEST(prof::write_report(files.folder.path / "page.html", {files.packets}).ok());
}

BOOST_AUTO_TEST_CASE(ours_is_valid_and_only_perfetto_reads_it) {
  const BothFiles files;
  const auto all = prof::examine({files.packets});
  BOOST_REQUIRE(all.size() == 1u);
  BOOST_TEST(all[0].findings == std::vector<std::string>(), boost::test_tools::per_element());
  BOOST_TEST(all[0].written_by == "Limelight");
  for (const prof::TraceReading& reading : all[0].readings)
    BOOST_TEST((reading.outcome == prof::TraceReading::Outcome::accepts) ==
               (reading.program == "Perfetto"));
}

BOOST_AUTO_TEST_CASE(validate_blames_a_file_for_its_damage_and_not_for_what_is_not_understood) {
  const Folder folder;
  Packets trace;
  trace.thread(7, 40, 41, "worker").begin(10, 7, "a").end(20, 7).add(15, 1, "\x08\x01");
  BOOST_TEST(prof::validate({write_file(folder.path / "a.pftrace", trace.text)}).empty());
  const auto torn = prof::validate(
      {write_file(folder.path / "b.pftrace", trace.text.substr(0, trace.text.size() - 1))});
  BOOST_REQUIRE(torn.size() == 1u);
  BOOST_TEST(torn[0].find("the file ends in the middle of the packet") != std::string::npos);
  BOOST_TEST(torn[0].find("(Perfetto loses it)") != std::string::npos, torn[0]);
}

BOOST_AUTO_TEST_CASE(a_trace_of_another_program_is_read) {
  Packets trace;
  trace.add(-1, field::clock_snapshot, message([](pbf_writer& snapshot) {
    for (const auto& [id, ns] : {std::pair(6, 1000), std::pair(1, 5000)}) {
      pbf_writer clock(snapshot, field::clocks);
      clock.add_uint32(field::clock_id, static_cast<std::uint32_t>(id));
      clock.add_uint64(field::clock_time, static_cast<std::uint64_t>(ns));
    }
  }));
  trace.thread(7, 40, 41, "worker").track(8, 0, "queue").track(9, 7, "waiting");
  trace.add(-1, 0, "", [](pbf_writer& packet) {
    packet.add_uint32(field::sequence_flags, 1);
    pbf_writer data(packet, field::interned_data);
    for (const auto& [kind, number, text] :
         {std::tuple(field::names, 1, "step \"one\""), std::tuple(field::categories, 1, "app"),
          std::tuple(field::annotation_names, 1, "sizes")}) {
      pbf_writer entry(data, kind);
      entry.add_uint64(field::number, static_cast<std::uint64_t>(number));
      entry.add_string(field::text, text);
    }
  });
  trace.add(2000, field::track_event, message([](pbf_writer& event) {
              event.add_enum(field::type, 1);
              event.add_uint64(field::track, 7);
              event.add_uint64(field::name_number, 1);
              event.add_uint64(field::category_number, 1);
              event.add_fixed64(field::flows, 5);
              pbf_writer annotation(event, field::annotation);
              annotation.add_uint64(field::name_of, 1);
              for (const std::uint64_t size : {3u, 4u}) {
                pbf_writer one(annotation, field::array);
                one.add_uint64(field::whole, size);
              }
            }),
            [](pbf_writer& packet) { packet.add_uint32(field::sequence_flags, 2); });
  // Others' packets come in no order: the inner slice stands before the end of the outer one.
  trace.end(9000, 7).begin(3000, 7, "inside").end(4000, 7);
  trace.begin(3500, 9, "a wait").end(8000, 9);
  trace.event(3600, 3, 8, [](pbf_writer& event) { event.add_string(field::event_name, "mark"); });
  trace.event(5000, 1, 7, [](pbf_writer& event) { add_flow(event, "target", 5); }).end(5500, 7);
  trace.add(-1, field::track_descriptor, message([](pbf_writer& track) {
    track.add_uint64(field::uuid, 20);
    track.add_uint64(field::parent, 7);
    track.add_string(field::track_name, "load");
    track.add_message(field::counter, std::string());
  }));
  trace.event(6000, 4, 20,
              [](pbf_writer& event) { event.add_double(field::real_counter_value, 0.5); });
  const TraceReading made = read_packets(trace.text);
  const std::vector<std::string> expected{
      R"({"ph":"M","name":"thread_name","ts":0.000,"pid":40,"tid":41,"args":{"name":"worker"}})",
      (R"({"ph":"M","name":"thread_name","ts":0.000,"pid":40,"tid":1500000002,)"
       R"("args":{"name":"worker: waiting"}})"),
      (R"({"ph":"M","name":"process_name","ts":0.000,"pid":2000000000,"tid":0,)"
       R"("args":{"name":"queue"}})"),
      (R"({"ph":"M","name":"thread_name","ts":0.000,"pid":2000000000,"tid":1500000001,)"
       R"("args":{"name":"queue"}})"),
      R"({"ph":"s","cat":"flow","name":"flow","id":5,"pid":40,"tid":41,"ts":2.000})",
      R"({"ph":"b","name":"a wait","pid":40,"tid":1500000002,"id":2,"ts":3.500})",
      R"({"ph":"i","name":"mark","pid":2000000000,"tid":1500000001,"ts":3.600,"s":"p"})",
      R"({"ph":"X","name":"inside","pid":40,"tid":41,"ts":3.000,"dur":1.000})",
      R"({"ph":"f","cat":"flow","name":"flow","id":5,"bp":"e","pid":40,"tid":41,"ts":5.000})",
      R"({"ph":"X","name":"target","pid":40,"tid":41,"ts":5.000,"dur":0.500})",
      R"({"ph":"C","name":"load of worker","pid":40,"tid":0,"ts":6.000,"args":{"value":0.5}})",
      R"({"ph":"e","name":"a wait","pid":40,"tid":1500000002,"id":2,"ts":8.000})",
      (R"({"ph":"X","cat":"app","name":"step \"one\"","pid":40,"tid":41,"ts":2.000,"dur":7.000,)"
       R"("args":{"sizes":[3,4]}})")};
  BOOST_TEST(made.lines == expected, boost::test_tools::per_element());
  BOOST_TEST(made.odd == "");

  const Folder folder;
  const auto table = prof::summary_table({write_file(folder.path / "a.pftrace", trace.text)});
  BOOST_REQUIRE(table.ok());
  BOOST_TEST(table->find("by Perfetto") != std::string::npos);
}

// As rocprofv3 writes them: kernels on tracks of queues, calls on those of threads.
BOOST_AUTO_TEST_CASE(kernels_on_tracks_of_no_thread_are_time_of_a_device) {
  Packets trace;
  trace.thread(7, 40, 41, "main").track(8, 0, "COMPUTE AGENT [2] QUEUE [0]").track(9, 0, "COPY");
  const auto slice = [&](std::uint64_t track, const char* category, const char* name, int from,
                         int to) {
    trace.event(from, 1, track, [&](pbf_writer& event) {
      event.add_string(field::category, category);
      event.add_string(field::event_name, name);
    });
    trace.end(to, track);
  };
  slice(7, "hip_api", "hipLaunchKernel", 0, 5000);
  slice(8, "kernel_dispatch", "gemm", 6000, 16'000);
  slice(9, "memory_copy", "MEMORY_COPY_HOST_TO_DEVICE", 10'000, 30'000);
  const Folder folder;
  const auto text = prof::summary_table({write_file(folder.path / "a.pftrace", trace.text)},
                                        {.format = prof::TableFormat::json});
  BOOST_REQUIRE(text.ok());
  const json all = json::parse(*text);
  BOOST_REQUIRE(all["device"].size() == 2u);
  BOOST_TEST(all["device"][0]["self_ns"] == 20'000);
  BOOST_TEST(all["device"][1]["name"] == "gemm");
  BOOST_TEST(all["cpu"].size() == 1u);
  BOOST_TEST(all["devices"][0]["busy_ns"] == 24'000);
  BOOST_TEST(all["devices"][0]["memory_ns"] == 20'000);
}

BOOST_AUTO_TEST_CASE(events_in_the_older_form_are_read) {
  Packets trace;
  trace.add(-1, field::thread_packet, message([](pbf_writer& thread) {
    thread.add_int32(field::pid, 4);
    thread.add_int32(field::tid, 5);
    thread.add_string(field::thread_name, "main");
    thread.add_int64(field::reference_us, 1000);
  }));
  const auto old = [&](std::int64_t delta_us, char phase, std::int64_t duration_us) {
    trace.add(-1, field::track_event, message([&](pbf_writer& event) {
      event.add_int64(field::delta_us, delta_us);
      event.add_string(field::event_name, "old");
      event.add_string(field::category, "cc");
      pbf_writer legacy(event, field::legacy_event);
      legacy.add_int32(field::phase, phase);
      legacy.add_int64(field::duration_us, duration_us);
      if (phase == 'b') legacy.add_uint64(field::local_id, 255);
    }));
  };
  old(1, 'X', 20);
  old(2, 'b', 0);
  old(3, 'I', 0);
  const TraceReading made = read_packets(trace.text);
  BOOST_TEST(made.error == "");
  const std::vector<std::string> expected{
      R"({"ph":"M","name":"thread_name","ts":0.000,"pid":4,"tid":5,"args":{"name":"main"}})",
      R"({"ph":"X","cat":"cc","name":"old","pid":4,"tid":5,"ts":1001.000,"dur":20.000})",
      R"({"ph":"b","cat":"cc","name":"old","id2":{"local":"0xff"},"pid":4,"tid":5,"ts":1003.000})",
      R"({"ph":"i","cat":"cc","name":"old","pid":4,"tid":5,"ts":1006.000,"s":"t"})"};
  BOOST_TEST(made.lines == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(what_is_not_understood_is_counted_and_said) {
  Packets trace;
  trace.thread(7, 40, 41, "worker").begin(10, 7, "a").end(20, 7);
  for (int i = 0; i < 3; ++i) trace.add(15, 1, "\x08\x01");
  trace.add(15, 900, "\x08\x01").add(15, 35, "\x08\x01");
  // It refers to what the file does not have.
  trace.add(30, field::track_event, message([](pbf_writer& event) {
              event.add_enum(field::type, 1);
              event.add_uint64(field::name_number, 4);
            }),
            [](pbf_writer& packet) { packet.add_uint32(field::sequence_flags, 2); });
  trace.add(40, field::track_event, "\x0a\x7f");  // an annotation that is longer than all
  trace.end(50, 7).begin(60, 7, "b");
  const TraceReading made = read_packets(trace.text);
  BOOST_TEST(made.error == "");
  BOOST_TEST(made.all().find("\"name\":\"a\"") != std::string::npos);
  for (const char* expected :
       {"2 begins or ends without the other",
        "left out 4 packets that the trace tools do not understand (3 ftrace_events, 1 packet of "
        "kind 900)",
        "left out 1 event that refer to packets which are not in the file",
        "left out 1 damaged packet, the first at byte "})
    BOOST_TEST(made.odd.find(expected) != std::string::npos, made.odd);
}

BOOST_AUTO_TEST_CASE(compressed_packets_are_read) {
  Packets inner;
  inner.thread(7, 40, 41, "worker").begin(10, 7, "a").end(20, 7);
  std::string deflated(1000, '\0');
  uLongf size = deflated.size();
  BOOST_REQUIRE(compress(reinterpret_cast<Bytef*>(deflated.data()), &size,
                         reinterpret_cast<const Bytef*>(inner.text.data()),
                         inner.text.size()) == Z_OK);
  deflated.resize(size);
  Packets outer;
  outer.add(-1, field::compressed_packets, deflated);
  BOOST_TEST(read_packets(outer.text).lines == read_packets(inner.text).lines,
             boost::test_tools::per_element());
  Packets damaged;
  damaged.add(-1, field::compressed_packets, deflated.substr(0, 9));
  BOOST_TEST(read_packets(damaged.text).odd ==
             "left out 1 packet whose compressed packets are damaged");
}

BOOST_AUTO_TEST_CASE(a_truncated_file_is_used_up_to_where_it_ends) {
  Packets trace;
  trace.thread(7, 40, 41, "worker").begin(10, 7, "a").end(20, 7);
  const std::size_t whole = trace.text.size();
  trace.begin(30, 7, "a longer name");
  const TraceReading made = read_packets(trace.text.substr(0, whole + 9));
  BOOST_TEST(made.lines.size() == 2u);
  BOOST_TEST(made.odd.find("the file ends in the middle of the packet at byte " +
                           std::to_string(whole) + ", of which it has 7 of") != std::string::npos,
             made.odd);
  for (std::size_t n = 1; n < trace.text.size(); ++n) {
    const TraceReading cut = read_packets(trace.text.substr(0, n));
    BOOST_TEST((!cut.error.empty() || !cut.odd.empty() || n == whole || cut.lines.size() < 2));
  }
  const std::string first = read_packets(trace.text.substr(0, 5)).error;
  BOOST_TEST(first.find("found no whole packet of Perfetto's format: the file ends in the middle "
                        "of the packet at byte 0") != std::string::npos,
             first);
}

BOOST_AUTO_TEST_CASE(hostile_files_are_refused_or_read_without_harm) {
  Packets trace;
  trace.thread(7, 40, 41, "worker").begin(10, 7, "a").end(20, 7);
  const std::string good = trace.text;
  // A packet that claims more than there can be.
  const TraceReading huge = read_packets(good + "\x0a\xff\xff\xff\xff\xff\xff\xff\x7f" + "rest");
  BOOST_TEST(
      huge.odd.find("claims 72057594037927935 bytes, expected at most 64 MiB") != std::string::npos,
      huge.odd);
  BOOST_TEST(huge.lines.size() == 2u);
  BOOST_TEST(read_packets(good + "\x12\x01x").odd.find("found no packet at byte ") !=
             std::string::npos);
  // Values in values, deeper than a stack.
  std::string value = message([](pbf_writer& one) { one.add_uint64(field::whole, 1); });
  for (int i = 0; i < 3000; ++i)
    value = message([&](pbf_writer& outer) { outer.add_message(field::array, value); });
  Packets deep = trace;
  deep.event(30, 1, 7, [&](pbf_writer& event) { event.add_message(field::annotation, value); });
  BOOST_TEST(read_packets(deep.text).error == "");
  // Tracks that are their own parents.
  Packets loop;
  loop.track(1, 2, "one").track(2, 1, "two").begin(1, 1, "a").end(2, 1);
  BOOST_TEST(read_packets(loop.text).error == "");
  // Any bytes.
  const BothFiles files;
  const std::string own = read_file(files.packets);
  std::mt19937 random(1);
  for (int i = 0; i < 150; ++i) {
    std::string text = i % 2 == 0 ? own.substr(0, 20'000) : good;
    for (int times = 1 + static_cast<int>(random() % 8); times > 0; --times)
      text[random() % text.size()] = static_cast<char>(random());
    const TraceReading made = read_packets(text);
    BOOST_TEST(made.error.find("protozero") == std::string::npos);
  }
}

BOOST_AUTO_TEST_CASE(clocks_of_writers_are_put_on_that_of_the_trace) {
  Packets trace;
  trace.sequence = 9;
  trace.thread(7, 40, 41, "worker");
  trace.add(-1, field::clock_snapshot, message([](pbf_writer& snapshot) {
    for (const auto& [id, ns] : {std::pair(6, 10'000), std::pair(1, 50'000)}) {
      pbf_writer clock(snapshot, field::clocks);
      clock.add_uint32(field::clock_id, static_cast<std::uint32_t>(id));
      clock.add_uint64(field::clock_time, static_cast<std::uint64_t>(ns));
    }
    pbf_writer clock(snapshot, field::clocks);
    clock.add_uint32(field::clock_id, 64);
    clock.add_uint64(field::clock_time, 1);
    clock.add_bool(field::clock_is_incremental, true);
    clock.add_uint64(field::clock_unit_ns, 1000);
  }));
  const auto add = [&](std::int64_t by, int type, std::uint32_t clock) {
    trace.add(by, field::track_event, message([&](pbf_writer& event) {
                event.add_enum(field::type, type);
                event.add_uint64(field::track, 7);
                event.add_string(field::event_name, "a");
              }),
              [&](pbf_writer& packet) { packet.add_uint32(field::packet_clock, clock); });
  };
  add(2, 1, 64);      // 2 us behind the snapshot
  add(3, 2, 64);      // 3 us behind that
  add(70'000, 3, 1);  // of CLOCK_REALTIME: 20 us behind the snapshot
  add(5, 3, 77);      // of a clock that nobody knows
  const TraceReading made = read_packets(trace.text);
  const std::vector<std::string> expected{
      R"({"ph":"M","name":"thread_name","ts":0.000,"pid":40,"tid":41,"args":{"name":"worker"}})",
      R"({"ph":"X","name":"a","pid":40,"tid":41,"ts":12.000,"dur":3.000})",
      R"({"ph":"i","name":"a","pid":40,"tid":41,"ts":30.000,"s":"t"})"};
  BOOST_TEST(made.lines == expected, boost::test_tools::per_element());
  BOOST_TEST(made.odd ==
             "left out 1 event whose time is missing or of a clock that no snapshot knows");
}

BOOST_AUTO_TEST_CASE(json_behind_a_line_end_is_no_packet) {
  for (const std::string begin : {"\n{", "\n[\n{", "\n {", "\r\n{"}) {
    std::string text = begin +
                       "\"traceEvents\": [{\"ph\": \"X\", \"name\": \"a\", \"pid\": 1, "
                       "\"tid\": 1, \"ts\": 1, \"dur\": 2}]}";
    if (begin.find('[') != std::string::npos)
      text = "\n[{\"ph\": \"X\", \"name\": \"a\", \"pid\": 1, \"tid\": 1, \"ts\": 1, \"dur\": 2}]";
    const TraceReading made = read_packets(text);
    BOOST_TEST(made.error == "");
    BOOST_TEST(made.lines.size() == 1u);
  }
}

BOOST_AUTO_TEST_SUITE_END()
