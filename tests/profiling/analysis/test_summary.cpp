// Time by operation, of traces of ours and of other writers.
#include <boost/test/unit_test.hpp>
#include <limelight/trace.hpp>
#include <nlohmann/json.hpp>

#include "tests/profiling/sessions.hpp"
#include "tests/support.hpp"

namespace prof = limelight::profiling;
namespace fs = std::filesystem;
using namespace limelight::tests;

namespace {
// As other writers have it: events in any order and over several lines.
std::string foreign(const std::string& events) { return "{\"traceEvents\": [\n" + events + "]}"; }
std::string slice(const std::string& name, int ts, int dur, int tid = 1) {
  return "{\"ph\": \"X\", \"name\": \"" + name +
         "\", \"pid\": 1,\n\"tid\": " + std::to_string(tid) + ", \"ts\": " + std::to_string(ts) +
         ", \"dur\": " + std::to_string(dur) + "}";
}
std::string row_of(const std::string& table, const std::string& name) {
  const auto at = table.find("\n" + name + " ");
  BOOST_REQUIRE_MESSAGE(at != std::string::npos, name << " in\n" << table);
  return table.substr(at + 1, table.find('\n', at + 1) - at - 1);
}
}  // namespace

BOOST_AUTO_TEST_SUITE(summary)

BOOST_AUTO_TEST_CASE(a_summary_has_self_times_and_steps_under_one_name) {
  const Folder folder;
  const auto path = write_file(
      folder.path / "foreign.json",
      foreign(slice("inside", 2000, 3000) + "," + slice("outside", 1000, 9000) + "," +
              slice("beside", 2000, 1000, 2) + "," + slice("ProfilerStep#1", 20'000, 10) + "," +
              slice("ProfilerStep#2", 20'010, 10)));
  const auto other = write_file(folder.path / "other.json", read_file(path) + "\n");
  const auto table = prof::summary_table({path, other});
  if (!table) BOOST_FAIL(table.error().message);
  BOOST_TEST(table->starts_with("foreign.json: 5 slices\nother.json: 5 slices\n"), *table);
  const auto has = [&](const char* name, const char* self, const char* total, const char* calls) {
    const std::string row = row_of(*table, name);
    BOOST_TEST(row.find(std::string(" ") + self) != std::string::npos, row);
    BOOST_TEST(row.find(std::string(" ") + total) != std::string::npos, row);
    BOOST_TEST(row.ends_with(std::string(" ") + calls), row);
  };
  has("outside", "12.000ms", "18.000ms", "2");
  has("inside", "6.000ms", "6.000ms", "2");
  has("beside", "2.000ms", "2.000ms", "2");
  has("ProfilerStep", "0.040ms", "0.040ms", "4");
}

// Pairs, async pairs, devices, texts in place of numbers, and events that are damaged.
BOOST_AUTO_TEST_CASE(what_other_programs_write_is_added_up_by_where_it_ran) {
  const Folder folder;
  const std::string long_name(400, 'k');
  const auto path = write_file(
      folder.path / "array.json",
      "[{\"ph\":\"M\",\"name\":\"process_name\",\"pid\":9,\"args\":{\"name\":\"/device:TPU:0\"}},"
      "{\"ph\":\"B\",\"name\":\"outer\",\"pid\":\"p\",\"tid\":\"main\",\"ts\":\"1000\"},"
      "{\"ph\":\"B\",\"name\":\"inner\",\"pid\":\"p\",\"tid\":\"main\",\"ts\":2000},"
      "{\"ph\":\"E\",\"pid\":\"p\",\"tid\":\"main\",\"ts\":3000},"
      "{\"ph\":\"E\",\"pid\":\"p\",\"tid\":\"main\",\"ts\":5000},"
      "{\"ph\":\"E\",\"pid\":\"p\",\"tid\":\"main\",\"ts\":6000},"
      "{\"ph\":\"b\",\"cat\":\"r\",\"id\":\"0x1\",\"name\":\"request\",\"pid\":1,\"ts\":0},"
      "{\"ph\":\"e\",\"cat\":\"r\",\"id\":\"0x1\",\"name\":\"request\",\"pid\":1,\"ts\":7000},"
      "{\"ph\":\"X\",\"cat\":\"kernel\",\"name\":\"" +
          long_name +
          "\",\"pid\":0,\"tid\":7,\"ts\":1,\"dur\":2000},"
          "{\"ph\":\"X\",\"name\":\"fusion\",\"pid\":9,\"tid\":1,\"ts\":1,\"dur\":6000},"
          "{\"ph\":\"X\",\"name\":\"back\",\"pid\":1,\"tid\":1,\"ts\":9,\"dur\":-3},"
          "{\"ph\":\"C\",\"name\":\"memory\",\"pid\":1,\"ts\":9,\"args\":{\"bytes\":1}},7,");
  const auto table = prof::summary_table({path});
  if (!table) BOOST_FAIL(table.error().message);
  BOOST_TEST(table->starts_with(
                 "array.json: 5 slices, 2 other events; left out 2 events (1 no JSON object, 1 "
                 "with an end before the begin); 1 begin or end without the other; the file ends "
                 "without a closing bracket\n"),
             *table);
  const auto has = [&](const std::string& name, const char* first, const char* second) {
    const std::string row = row_of(*table, name);
    BOOST_TEST(row.find(first) != std::string::npos, row);
    BOOST_TEST(row.find(second) != std::string::npos, row);
  };
  has("outer", " 75.00%", " 3.000ms");
  has("inner", " 25.00%", " 1.000ms");
  has(long_name, " 25.00%", " 2.000ms");
  has("fusion", " 75.00%", " 6.000ms");
  has("request", " 100.00%", " 7.000ms");
  BOOST_TEST(table->find("\nName ") < table->find("outer "));
  BOOST_TEST(table->find("Self Device %") < table->find("\nfusion "));
  BOOST_TEST(table->find("Self Other %") < table->find("\nrequest "));
}

BOOST_AUTO_TEST_CASE(a_file_without_events_or_slices_is_no_empty_table) {
  const Folder folder;
  const auto said = [&](const char* text) {
    return prof::summary_table({write_file(folder.path / "a.json", text)}).error().message;
  };
  BOOST_TEST(said("{\"a\": 1}").find("neither the key 'traceEvents' with an array") !=
             std::string::npos);
  BOOST_TEST(said("{\"traceEvents\": []}").find("a.json: 0 slices\nfound no slice in any") !=
             std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_trace_of_ours_says_of_itself_what_it_lost) {
  const Folder folder;
  const auto table = prof::summary_table({written(options(folder.path))});
  if (!table) BOOST_FAIL(table.error().message);
  BOOST_TEST(table->find("rank 3, stage 2 code2wav, 1 slice, ") != std::string::npos, *table);
  BOOST_TEST(table->find("; lost 0 records; ") != std::string::npos, *table);
  BOOST_TEST(row_of(*table, "work").ends_with(" 1"));
}

BOOST_AUTO_TEST_CASE(a_difference_has_the_largest_change_first_and_what_one_side_alone_has) {
  const Folder folder;
  const std::string longest(300, 'k');
  const auto before = write_file(folder.path / "a", foreign(slice("same", 0, 1000) + "," +
                                                            slice("slower", 2000, 1000) + "," +
                                                            slice("gone", 4000, 500))),
             after = write_file(folder.path / "b",
                                foreign(slice("same", 0, 1000) + "," + slice("slower", 2000, 4000) +
                                        "," + slice(longest, 7000, 100)));
  const auto table = prof::diff_table({before}, {after});
  if (!table) BOOST_FAIL(table.error().message);
  const auto at = [&](const std::string& name) { return table->find("\n" + name + " "); };
  BOOST_TEST(at("slower") < at("gone"));
  BOOST_TEST(at("gone") < at(longest));
  BOOST_TEST(at(longest) < at("same"));
  BOOST_TEST(row_of(*table, "slower").find(" 4.000 ") != std::string::npos);
  BOOST_TEST(row_of(*table, "gone").find(" - ") != std::string::npos);
  BOOST_TEST(row_of(*table, longest).ends_with(" 0.100"));
}

// In the shape of Kineto: the profiler's own spans, GPU annotations of both kinds, waits.
BOOST_AUTO_TEST_CASE(kernels_annotations_and_waiting_are_never_under_cpu) {
  const Folder folder;
  const auto event = [](const std::string& name, const std::string& category,
                        const std::string& pid, const std::string& tid, int ts, int dur,
                        const std::string& args = "{}") {
    return R"({"ph":"X","name":")" + name + R"(","cat":")" + category + R"(","pid":)" + pid +
           R"(,"tid":)" + tid + ",\n  \"ts\":" + std::to_string(ts) +
           ",\"dur\":" + std::to_string(dur) + ",\"args\":" + args + "}";
  };
  const auto label = [](const std::string& pid, const std::string& what) {
    return R"({"ph":"M","name":"process_labels","pid":)" + pid + R"(,"args":{"labels":")" + what +
           "\"}}";
  };
  const auto path = write_file(
      folder.path / "kineto.json",
      foreign(event("aten::mm", "cpu_op", "70", "70", 0, 1000, R"({"Input Dims":[[2,3],[3,4]]})") +
              "," + event("aten::mm", "cpu_op", "70", "70", 2000, 1000, R"({"Input Dims":[[8]]})") +
              "," + event("cudaDeviceSynchronize", "cuda_runtime", "70", "70", 4000, 6000) + "," +
              event("gemm<float, 128>", "kernel", "0", "7", 500, 3000) + "," +
              event("Memcpy HtoD", "gpu_memcpy", "0", "7", 3500, 1000, R"({"bytes": 4096})") + "," +
              event("layer", "gpu_user_annotation", "0", "7", 400, 5000) + "," +
              event("old layer", "user_annotation", "0", "7", 400, 5000) + "," +
              event("PyTorch Profiler (0)", "Trace", "\"Spans\"", "\"PyTorch Profiler\"", 0, 9000) +
              "," + label("0", "GPU 0") + "," + label("70", "CPU") + "," + label("70", "GPU 70")));
  const auto text = prof::summary_table({path}, {.format = prof::TableFormat::json});
  if (!text) BOOST_FAIL(text.error().message);
  const auto tables = nlohmann::json::parse(*text);
  const auto names = [&](const char* table) {
    std::string all;
    for (const auto& row : tables[table]) all += row["name"].get<std::string>() + ";";
    return all;
  };
  BOOST_TEST(names("cpu") == "cudaDeviceSynchronize;aten::mm;");
  BOOST_TEST(names("device") == "gemm<float, 128>;Memcpy HtoD;");
  BOOST_TEST(names("annotations") == "layer;old layer;");
  BOOST_TEST(names("other") == "PyTorch Profiler (0);");
  BOOST_TEST(tables["cpu"][0]["self_ns"] == 0);
  BOOST_TEST(tables["cpu"][0]["waiting_ns"] == 6'000'000);
  BOOST_TEST(tables["cpu"][1]["self_ns"] == 2'000'000);
  BOOST_TEST(tables["device"][1]["bytes"] == 4096);
  const auto csv =
      prof::summary_table({path}, {.format = prof::TableFormat::csv, .by_shape = true});
  BOOST_TEST(csv->find("\n\"cpu\",\"aten::mm\",\"\",\"[[2,3],[3,4]]\",1,1000000,50.00,") !=
                 std::string::npos,
             *csv);
}

// Two threads of JAX's device: the modules lie over the operations.
BOOST_AUTO_TEST_CASE(of_a_device_of_xla_only_its_operations_are_device_time) {
  const Folder folder;
  const auto thread = [](int tid, const std::string& name) {
    return R"({"ph":"M","pid":3,"tid":)" + std::to_string(tid) +
           R"(,"name":"thread_name","args":{"name":")" + name + "\"}}";
  };
  const auto path =
      write_file(folder.path / "xla.json",
                 R"({"displayTimeUnit":"ns","traceEvents":[)"
                 R"({"ph":"M","pid":3,"name":"process_name","args":{"name":"/device:TPU:0"}},)" +
                     thread(1, "XLA Modules") + "," + thread(2, "XLA Ops") + "," +
                     R"({"ph":"X","pid":3,"tid":1,"ts":0.0,"dur":10.0,"name":"jit_f"},)"
                     R"({"ph":"X","pid":3,"tid":2,"ts":0.0,"dur":4.0,"name":"fusion"},{}]})");
  const auto text = prof::summary_table({path}, {.format = prof::TableFormat::json});
  if (!text) BOOST_FAIL(text.error().message);
  const auto tables = nlohmann::json::parse(*text);
  BOOST_TEST(tables["cpu"].empty());
  BOOST_REQUIRE(tables["device"].size() == 1u);
  BOOST_TEST(tables["device"][0]["total_ns"] == 4000);
  BOOST_TEST(tables["annotations"][0]["name"] == "jit_f");
}

BOOST_AUTO_TEST_CASE(a_file_that_is_not_there_is_named) {
  for (const auto& error : {prof::summary_table({"/no/such.gz"}).error(),
                            prof::diff_table({"/no/such.gz"}, {"/no/such.gz"}).error()})
    BOOST_TEST(error.message.starts_with("/no/such.gz: "), error.message);
}

// Two products: the first is bound by its operations, the second by its bytes.
BOOST_AUTO_TEST_CASE(the_share_of_the_peak_is_that_of_the_slower_of_operations_and_bytes) {
  const Folder folder;
  const auto trace = [&](const char* name, const std::string& peak) {
    return write_file(
        folder.path / name,
        "{" + peak +
            "\"traceEvents\": [{\"ph\": \"X\", \"name\": \"linear\", \"cat\": \"cpu_op\", \"pid\": "
            "1, \"tid\": 1, \"ts\": 1, \"dur\": 10, \"args\": {\"flops\": 50000, \"bytes moved\": "
            "100}}, {\"ph\": \"X\", \"name\": \"linear\", \"cat\": \"cpu_op\", \"pid\": 1, "
            "\"tid\": "
            "1, \"ts\": 20, \"dur\": 10, \"args\": {\"flops\": 1000, \"bytes moved\": 20000}}]}");
  };
  const auto row_of = [&](const fs::path& file) {
    const auto text = prof::summary_table({file}, {.format = prof::TableFormat::json});
    BOOST_REQUIRE(text.ok());
    return nlohmann::json::parse(*text)["cpu"][0];
  };
  const fs::path known = trace("known.json",
                               "\"limelight_peak\": {\"gflops\": 10.0, \"gb_per_s\": 4.0, "
                               "\"threads\": 2}, ");
  const auto row = row_of(known);
  BOOST_TEST(row["flops"] == 51000);
  BOOST_TEST(row["bytes_moved"] == 20100);
  BOOST_TEST(row["product_ns"] == 20000);
  BOOST_TEST(row["share_of_peak"] == 0.5);  // 5 us of 10, twice
  BOOST_TEST(prof::summary_table({known})->find("peak, as measured with 2 thread(s): 10.0 GFLOP/s "
                                                "in float32, 4.0 GB/s") != std::string::npos);
  const fs::path unknown = trace("unknown.json", "");
  BOOST_TEST(!row_of(unknown).contains("share_of_peak"));
  BOOST_TEST(prof::summary_table({unknown})->find("peak: not stated in the file") !=
             std::string::npos);
  const fs::path gpu = trace("gpu.json", "\"limelight_peak\": {\"not_measured\": \"a GPU\"}, ");
  BOOST_TEST(prof::summary_table({gpu})->find("peak: not measured: a GPU") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
