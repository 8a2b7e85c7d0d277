// The text of a trace: what readers find in it, and the arrows from launches to their work.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>

#include "profiling/trace/trace_writer.hpp"

namespace prof = limelight::profiling;
using nlohmann::json;
using prof::DeviceActivity;
using prof::ValueKind;
using Kind = DeviceActivity::Kind;

namespace {

// Names and requests of this test, so that the process's own tables play no part.
const std::vector<prof::NameInfo> known{
    {.name = "plain"},
    {.name = "product", .value_kind = ValueKind::matmul},
    {.name = "shape", .value_kind = ValueKind::dims},
    {.name = "copy", .value_kind = ValueKind::bytes},
    {.name = "count", .value_kind = ValueKind::number},
    {.name = "hand \"on\"", .value_kind = ValueKind::chunk},
    {.name = "decode", .category = prof::Category::user_annotation, .value_kind = ValueKind::step},
    {.name = "launch", .correlated = true},
    {.name = "queue \"a\"", .value_kind = ValueKind::counter},
    {.name = "small weights", .value_kind = ValueKind::matmul, .weight_centibits = 450},
};
enum : prof::NameId { plain, product, shape, copy, count, hand_on, decode, launch, queue, small };

struct Trace {
  prof::SessionOptions options{.directory = {},
                               .timestamp = "17",
                               .rank = 3,
                               .world_size = 4,
                               .stage_id = 2,
                               .stage_name = "code2wav",
                               .base_ns = 1000,
                               .pid = 77};
  prof::TraceWriter writer{
      options,
      {[](prof::NameId id) { return known.at(id); },
       [](std::uint32_t request) { return "request \"" + std::to_string(request) + "\""; }}};
  std::string text;

  explicit Trace(std::vector<prof::DeviceProperties> devices = {}) {
    options.devices = std::move(devices);
    writer.begin("tsc");
  }
  void span(prof::NameId name,
            std::uint64_t value = 0,
            std::uint32_t request = 0,
            std::int64_t begin_ns = 5'000'001'002,
            std::uint64_t duration_ns = 42) {
    writer.event({0, 0, value, name, 0, request}, begin_ns, duration_ns, 11, 99);
  }
  json parsed() {
    writer.end({.rank = 3, .stage_id = 2}, {{11, "the \"worker\""}}, "name of the trace");
    text = writer.view();
    return json::parse(text);
  }
};

std::vector<json> events(const json& trace, const std::string& phase) {
  std::vector<json> found;
  for (const auto& event : trace["traceEvents"])
    if (event["ph"] == phase) found.push_back(event);
  return found;
}
json the_slice(const json& trace) {
  const auto slices = events(trace, "X");
  BOOST_REQUIRE_EQUAL(slices.size(), 1u);
  return slices[0];
}
DeviceActivity activity(Kind kind, std::uint32_t correlation, std::int64_t begin_ns) {
  DeviceActivity a;
  a.kind = kind;
  a.name = kind == Kind::kernel ? "a_kernel" : "cudaLaunchKernel";
  a.begin_ns = begin_ns;
  a.end_ns = begin_ns + 1000;
  a.correlation = correlation;
  a.thread = 5;
  a.stream = 7;
  return a;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(trace_writer)

BOOST_AUTO_TEST_CASE(a_counter_is_a_value_of_the_process_at_a_time) {
  Trace trace;
  for (const std::uint64_t value : {7u, 0u}) trace.span(queue, value, 5, 2'000 + value, 42);
  trace.span(plain);
  const json parsed = trace.parsed();
  BOOST_TEST(events(parsed, "X").size() == 1u);
  const auto counters = events(parsed, "C");
  BOOST_REQUIRE(counters.size() == 2u);
  BOOST_TEST(counters[0]["name"] == "queue \"a\"");
  BOOST_TEST(counters[0]["pid"] == 77);
  BOOST_TEST(counters[0]["ts"] == 2.007);
  BOOST_TEST(counters[0]["args"] == json({{"value", 7}}));
  BOOST_TEST(counters[1]["args"] == json({{"value", 0}}));
  BOOST_TEST(!counters[0].contains("dur"));
}

// 4 * (2 * 64 + 2 * 32) of rows, and 64 * 32 weights of 4.5 bits.
BOOST_AUTO_TEST_CASE(a_product_says_its_operations_and_what_it_moves_and_the_trace_the_peak) {
  Trace trace;
  trace.options.profile.with_flops = true;
  trace.options.peak_json = R"({"gflops": 1.5})";
  trace.writer.clear();
  trace.writer.begin("tsc");
  trace.span(small, prof::pack_dims(2, 32, 64));
  trace.span(product, prof::pack_dims(2, 32, 64));
  const json parsed = trace.parsed();
  BOOST_TEST(parsed["limelight_peak"]["gflops"] == 1.5);
  const auto slices = events(parsed, "X");
  BOOST_REQUIRE(slices.size() == 2u);
  BOOST_TEST(slices[0]["args"]["flops"] == 2 * 2 * 32 * 64);
  BOOST_TEST(slices[0]["args"]["bytes moved"] == 4 * (2 * 64 + 2 * 32) + 64 * 32 * 9 / 16);
  BOOST_TEST(!slices[1]["args"].contains("bytes moved"));
}

BOOST_AUTO_TEST_CASE(the_head_says_what_readers_look_for_in_the_form_that_they_look_for) {
  Trace trace({{.id = 0, .name = "a GPU", .total_memory = 5}});
  trace.options.groups = {{"0", "ranks of stage 2", "nccl", {2, 3}}};
  trace.writer.clear();
  trace.writer.begin("tsc");
  const json parsed = trace.parsed();
  // HolisticTraceAnalysis finds the rank by this pattern.
  BOOST_TEST(std::regex_search(trace.text, std::regex("\n\"rank\": 3,\n")), trace.text);
  BOOST_TEST(parsed["distributedInfo"]["world_size"] == 4);
  BOOST_TEST(parsed["distributedInfo"]["pg_config"][0]["ranks"] == json::array({2, 3}));
  BOOST_TEST(parsed["deviceProperties"][0]["name"] == "a GPU");
  BOOST_TEST(parsed["baseTimeNanoseconds"] == 1000);
  BOOST_TEST(parsed["traceName"] == "name of the trace");
  std::vector<std::string> names;
  for (const auto& event : events(parsed, "M"))
    if (event["args"].contains("name")) names.push_back(event["args"]["name"]);
  BOOST_TEST((names == std::vector<std::string>{"rank 3: stage 2 code2wav", "the \"worker\""}));
}

BOOST_AUTO_TEST_CASE(each_kind_of_value_has_its_args) {
  const auto args_of = [](prof::NameId name, std::uint64_t value) {
    Trace trace;
    trace.span(name, value);
    return the_slice(trace.parsed())["args"];
  };
  const auto has = [&](prof::NameId name, std::uint64_t value, const char* expected) {
    BOOST_TEST(args_of(name, value) == json::parse(expected));
  };
  has(plain, 5, "{}");
  has(product, prof::pack_dims(2, 3, 4), R"({"Input Dims": [[2, 4], [4, 3]]})");
  has(shape, prof::pack_dims(2), R"({"Input Dims": [[2]]})");
  has(shape, prof::pack_dims(2, 3, 4), R"({"Input Dims": [[2, 3, 4]]})");
  has(copy, 4096, R"({"bytes": 4096})");
  has(count, 6, R"({"value": 6})");
  has(hand_on, prof::pack_chunk(9, 8, 7), R"({"bytes": 7, "channel": 9, "chunk": 8})");
  has(launch, 0, R"({"External id": 99})");
}

BOOST_AUTO_TEST_CASE(a_step_has_its_number_in_its_name) {
  Trace trace;
  trace.span(decode, 12);
  const json slice = the_slice(trace.parsed());
  BOOST_TEST(slice["name"] == "ProfilerStep#12");
  BOOST_TEST(slice["cat"] == "user_annotation");
  BOOST_TEST(slice["args"] == json::parse(R"({"step of": "decode"})"));
}

BOOST_AUTO_TEST_CASE(times_are_microseconds_with_three_decimals) {
  Trace trace;
  trace.span(plain, 0, 0, 999, 1);                            // the first of its name
  trace.span(plain, 0, 0, 5'000'001'002, 1'234'567'890'123);  // from the cache of lines
  trace.span(plain, 0, 0, 5'100'000'000, 0);
  trace.span(plain, 0, 0, -7, 20);  // it began before the base
  (void)trace.parsed();
  for (const char* times :
       {"\"ts\":0.999,\"dur\":0.001,", "\"ts\":5000001.002,\"dur\":1234567890.123,",
        "\"ts\":5100000.000,\"dur\":0.000,", "\"ts\":0.000,\"dur\":0.020,"})
    BOOST_TEST(trace.text.find(times) != std::string::npos, times);
}

// The writer caches the text of events, and the cache is smaller than the number of its keys.
BOOST_AUTO_TEST_CASE(every_event_has_its_own_name_value_and_request) {
  Trace trace;
  for (int round = 0; round < 2; ++round)
    for (std::uint32_t i = 1; i <= 1000; ++i) trace.span(copy, i, i % 10);
  const auto slices = events(trace.parsed(), "X");
  BOOST_REQUIRE_EQUAL(slices.size(), 2000u);
  for (std::uint32_t n = 0; n < 2000; ++n) {
    const std::uint32_t i = n % 1000 + 1;
    json expected{{"bytes", i}};
    if (i % 10 != 0) expected["request"] = "request \"" + std::to_string(i % 10) + "\"";
    BOOST_REQUIRE_EQUAL(slices[n]["args"], expected);
  }
}

BOOST_AUTO_TEST_CASE(a_launch_and_its_work_are_joined_by_one_arrow_whichever_comes_first) {
  Trace trace;
  trace.writer.device(activity(Kind::runtime, 1, 100));
  trace.writer.device(activity(Kind::kernel, 1, 5000));
  trace.writer.device(activity(Kind::kernel, 2, 6000));
  trace.writer.device(activity(Kind::runtime, 2, 200));
  // A graph: one launch with more than one kernel.
  trace.writer.device(activity(Kind::runtime, 3, 300));
  trace.writer.device(activity(Kind::kernel, 3, 7000));
  trace.writer.device(activity(Kind::kernel, 3, 8000));
  BOOST_TEST(trace.writer.unmatched() == 0u);
  trace.writer.device(activity(Kind::kernel, 4, 9000));  // its launch is not in the trace
  BOOST_TEST(trace.writer.unmatched() == 1u);
  trace.writer.device(activity(Kind::runtime, 5, 400));  // it launched nothing
  BOOST_TEST(trace.writer.unmatched() == 1u);
  const json parsed = trace.parsed();
  const auto starts = events(parsed, "s"), ends = events(parsed, "f");
  BOOST_REQUIRE_EQUAL(starts.size(), 3u);
  BOOST_REQUIRE_EQUAL(ends.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    BOOST_TEST(starts[i]["id"] == i + 1);
    BOOST_TEST(ends[i]["id"] == i + 1);
    BOOST_TEST(std::lround(starts[i]["ts"].get<double>() * 1000) ==
               100 * (static_cast<long>(i) + 1));
    BOOST_TEST(ends[i]["ts"].get<double>() == static_cast<double>(i + 5));
    BOOST_TEST(ends[i]["bp"] == "e");
  }
}

BOOST_AUTO_TEST_CASE(device_work_is_on_the_track_of_its_stream_and_calls_on_that_of_their_thread) {
  Trace trace({{.id = 0, .name = "a GPU"}});
  for (int i = 0; i < 2; ++i) trace.writer.device(activity(Kind::kernel, 0, 5000));
  trace.writer.device(activity(Kind::runtime, 0, 5000));
  trace.writer.device(activity(Kind::sync, 0, 5000));
  trace.writer.device(activity(Kind::overhead, 0, 5000));
  std::map<std::string, std::string> tracks;  // by pid and tid
  std::size_t named = 0;
  const json parsed = trace.parsed();
  for (const auto& event : events(parsed, "M"))
    if (event["name"] == "thread_name" || event["name"] == "process_name") {
      tracks[event["pid"].dump() + " " + event["tid"].dump()] = event["args"]["name"];
      ++named;
    }
  BOOST_TEST(named == tracks.size());  // each once
  BOOST_TEST(tracks["0 0"] == "rank 3: GPU 0 a GPU");
  std::vector<std::string> of_slices;
  for (const auto& slice : events(parsed, "X"))
    of_slices.push_back(tracks[slice["pid"].dump() + " " + slice["tid"].dump()]);
  BOOST_TEST(
      (of_slices == std::vector<std::string>{"stream 7", "stream 7", "CUDA calls of thread 5",
                                             "waits for stream 7", "CUPTI overhead"}));
}

BOOST_AUTO_TEST_CASE(a_kernel_says_how_much_of_the_device_it_fills) {
  Trace trace({{.id = 0,
                .name = "a GPU",
                .max_threads_per_sm = 2048,
                .registers_per_sm = 65'536,
                .shared_per_sm = 100'000,
                .sm_count = 10}});
  DeviceActivity kernel = activity(Kind::kernel, 0, 5000);
  kernel.grid = {100, 1, 1};
  kernel.block = {256, 1, 1};
  kernel.registers = 64;  // 65 536 of 64 * 256: four blocks at a time, 1024 of 2048 threads
  trace.writer.device(kernel);
  const json args = the_slice(trace.parsed())["args"];
  BOOST_TEST(args["est. achieved occupancy %"] == 50);
  BOOST_TEST(args["blocks per SM"] == 10.0);
  BOOST_TEST(args["warps per SM"] == 80.0);
  BOOST_TEST(args["grid"] == json::array({100, 1, 1}));
  BOOST_TEST(args["block"] == json::array({256, 1, 1}));
}

BOOST_AUTO_TEST_CASE(a_copy_says_its_bandwidth_and_a_collective_its_group) {
  Trace trace;
  DeviceActivity copied = activity(Kind::memcpy, 0, 5000);
  copied.bytes = 2500;
  trace.writer.device(copied);
  const prof::CollectiveInfo info{.name = "all_reduce",
                                  .in_elements = 64,
                                  .out_elements = 64,
                                  .dtype = "float",
                                  .group_size = 2,
                                  .group_name = "0",
                                  .group_ranks = "[0, 1]",
                                  .sequence = 9};
  DeviceActivity kernel = activity(Kind::kernel, 0, 6000);
  kernel.collective = &info;
  kernel.external = 4;
  trace.writer.device(kernel);
  const auto slices = events(trace.parsed(), "X");
  BOOST_REQUIRE_EQUAL(slices.size(), 2u);
  BOOST_TEST(slices[0]["args"]["memory bandwidth (GB/s)"] == 2.5);
  const json& args = slices[1]["args"];
  BOOST_TEST(args["Collective name"] == "all_reduce");
  BOOST_TEST(args["Process Group Ranks"] == "[0, 1]");
  BOOST_TEST(args["In msg nelems"] == 64);
  BOOST_TEST(args["External id"] == 4);
}

BOOST_AUTO_TEST_SUITE_END()
