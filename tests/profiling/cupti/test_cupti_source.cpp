// GPU activity in a trace, from a simulated libcupti: what a user sees of kernels, and of
// everything that can go wrong with them.
#include <dlfcn.h>
#include <unistd.h>

#include <boost/test/unit_test.hpp>
#include <limelight/trace.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <thread>

#include "profiling/capture/session.hpp"
#include "profiling/cupti/cupti_source.hpp"
#include "profiling/record/clock.hpp"
#include "profiling/record/correlated_span.hpp"
#include "tests/simulated_cupti/simulated_cupti.hpp"
#include "tests/support.hpp"
#include "tests/trace_file.hpp"

namespace prof = limelight::profiling;
namespace fs = std::filesystem;
using limelight::tests::Folder;
using nlohmann::json;

namespace {

struct Simulation {
  void* library = dlopen(SIMULATED_CUPTI, RTLD_NOW);
  template <class F>
  F find(const char* name) const {
    return reinterpret_cast<F>(dlsym(library, name));
  }
  void plan(const simulated_cupti::Plan& plan) const {
    find<simulated_cupti::SetPlan>("simulated_cupti_set_plan")(&plan);
  }
  void launch(std::uint64_t count) const {
    find<simulated_cupti::Launch>("simulated_cupti_launch")(count);
  }
} const simulation;

prof::SessionOptions options(const fs::path& folder, prof::ActivitySource& source) {
  prof::DeviceProperties gpu;
  gpu.name = "Simulated GPU";
  gpu.max_threads_per_sm = 2048;
  gpu.registers_per_sm = 65536;
  gpu.shared_per_sm = 233472;
  gpu.shared_per_block_optin = 232448;
  gpu.sm_count = 132;
  return {.directory = folder,
          .timestamp = "1700000000000",
          .stage_name = "thinker",
          .base_ns = prof::default_base_ns(),
          .source = &source,
          .devices = {gpu}};
}

struct Recorded {
  json trace, own;
  limelight::RankTrace report;
  std::vector<std::string> findings;
  std::map<std::string, std::vector<json>> by_category;  // slices, and "s", "f"
};
// One session around `work`.
template <class F>
Recorded record(prof::ActivitySource& source, F work) {
  const Folder folder;
  auto session = prof::Session::start(options(folder.path, source));
  BOOST_REQUIRE(session.ok());
  work();
  auto report = (*session)->stop();
  BOOST_REQUIRE(report.ok());
  Recorded recorded;
  recorded.report = *report;
  recorded.findings = prof::validate({report->file});
  recorded.trace = json::parse(limelight::tests::read_gzip(report->file));
  recorded.own = recorded.trace["limelight"];
  for (const json& event : recorded.trace["traceEvents"])
    if (event["ph"] == "X") recorded.by_category[event["cat"]].push_back(event);
    else if (event["ph"] != "M") recorded.by_category[event["ph"]].push_back(event);
  return recorded;
}
std::unique_ptr<prof::ActivitySource> make_source(std::size_t buffers = 24) {
  auto source = prof::make_cupti_source({SIMULATED_CUPTI, {}, std::size_t{1} << 16, buffers});
  if (!source) BOOST_FAIL(source.error().message);
  return std::move(source).value();
}
const prof::NameId op =
    prof::intern("linear", prof::Category::cpu_op, prof::ValueKind::matmul, true);

}  // namespace

BOOST_AUTO_TEST_CASE(kernels_copies_and_calls_are_in_the_trace_with_their_arrows) {
  simulation.plan({});
  const auto source = make_source();
  const Recorded r = record(*source, [] {
    for (int i = 0; i < 100; ++i) {
      prof::CorrelatedSpan span(op, prof::pack_dims(1, 2, 3));
      if (i == 5) span.set_collective({"all_reduce", 640, 640, "Float", 2, "stage", "[0, 1]", 7});
      simulation.launch(1);
    }
  });
  for (const auto& finding : r.findings) BOOST_TEST(finding == "");
  BOOST_TEST(r.by_category.at("kernel").size() == 88u);
  BOOST_TEST(r.by_category.at("gpu_memcpy").size() == 10u);
  BOOST_TEST(r.by_category.at("gpu_memset").size() == 2u);
  BOOST_TEST(r.by_category.at("cuda_runtime").size() == 100u);
  BOOST_TEST(r.by_category.at("s").size() == 100u);
  BOOST_TEST(r.by_category.at("f").size() == 100u);
  BOOST_TEST(r.own["unmatched_correlations"] == 0);
  BOOST_TEST(r.own["gpu"] == "recorded");
  BOOST_TEST(r.trace["deviceProperties"][0]["name"] == "Simulated GPU");

  const json& kernel = r.by_category.at("kernel")[0];
  BOOST_TEST(kernel["name"] == "gemm_bf16(float const*, float const*, float*, int, int, int)");
  BOOST_TEST(kernel["pid"] == 0);
  BOOST_TEST(kernel["tid"] == 7);
  BOOST_TEST(kernel["args"]["grid"] == json::parse("[128,1,1]"));
  BOOST_TEST(kernel["args"]["est. achieved occupancy %"] ==
             12);  // one block of 256 threads on each of 132 SMs, which hold 2048
  // From the host's operation over its launch to the kernel.
  const json& call = r.by_category.at("cuda_runtime")[0];
  BOOST_TEST(call["name"] == "cudaLaunchKernel");
  BOOST_TEST(call["args"]["correlation"] == kernel["args"]["correlation"]);
  BOOST_TEST(kernel["args"]["External id"] == r.by_category.at("cpu_op")[0]["args"]["External id"]);
  const auto collective =
      std::find_if(r.by_category.at("kernel").begin(), r.by_category.at("kernel").end(),
                   [](const json& k) { return k["args"].contains("Collective name"); });
  BOOST_REQUIRE((collective != r.by_category.at("kernel").end()));
  BOOST_TEST((*collective)["name"] == "ncclDevKernel_AllReduce_Sum_f32_RING_LL");
  BOOST_TEST((*collective)["args"]["Process Group Ranks"] == "[0, 1]");
  const json& copy = r.by_category.at("gpu_memcpy")[0];
  BOOST_TEST(copy["name"] == "Memcpy HtoD (Pinned -> Device)");
  BOOST_TEST(copy["args"]["bytes"] == 65536);
  BOOST_TEST(copy["args"]["memory bandwidth (GB/s)"] == 8.192);
}

BOOST_AUTO_TEST_CASE(graph_nodes_driver_calls_waits_and_overhead_are_in_the_trace) {
  simulation.plan({.extras_every = 10});
  const auto source = make_source();
  source->attach();
  const Recorded r = record(*source, [] { simulation.launch(100); });
  for (const auto& finding : r.findings) BOOST_TEST(finding == "");
  BOOST_TEST(r.by_category.at("cuda_driver").size() == 10u);
  BOOST_TEST(r.by_category.at("cuda_driver")[0]["name"] == "cuGraphLaunch");
  BOOST_TEST(r.by_category.at("overhead").size() == 10u);
  BOOST_TEST(r.by_category.at("cuda_sync").size() == 20u);
  BOOST_TEST(r.own["unknown_records"] == 0);
  std::size_t nodes = 0, waits = 0;
  for (const json& kernel : r.by_category.at("kernel"))
    if (kernel["args"].contains("graph node id")) {
      ++nodes;
      BOOST_TEST(kernel["args"]["graph id"] == 3);
      BOOST_TEST(kernel["pid"] == 1);
    }
  for (const json& sync : r.by_category.at("cuda_sync")) {
    BOOST_TEST(sync["pid"] == 1);  // the device of its context, which other records told
    if (sync["name"] != "Stream Wait Event") {
      BOOST_TEST(sync["args"]["stream"] == -1);
      continue;
    }
    ++waits;
    BOOST_TEST(sync["args"]["stream"] == 21);
    BOOST_TEST(sync["args"]["wait_on_stream"] == 20);
  }
  BOOST_TEST(nodes == 10u);
  BOOST_TEST(waits == 10u);
}

BOOST_AUTO_TEST_CASE(threads_launch_at_once_and_sessions_follow_each_other) {
  simulation.plan({});
  const auto source = make_source();
  for (int session = 0; session < 3; ++session) {
    simulation.plan({});
    const Recorded r = record(*source, [] {
      std::vector<std::thread> threads;
      for (int t = 0; t < 4; ++t)
        threads.emplace_back([] {
          for (int i = 0; i < 500; ++i) {
            const prof::CorrelatedSpan span(op);
            simulation.launch(1);
          }
        });
      for (auto& thread : threads) thread.join();
    });
    BOOST_TEST(r.by_category.at("cuda_runtime").size() == 2000u);
    BOOST_TEST(r.own["drops"] == 0);
    BOOST_TEST(r.own["unmatched_correlations"] == 0);
    for (const json& kernel : r.by_category.at("kernel"))
      BOOST_REQUIRE(kernel["args"].contains("External id"));
    // Nothing is recorded between sessions.
    BOOST_TEST(simulation.find<simulated_cupti::Enabled>("simulated_cupti_enabled")() == 0);
    simulation.launch(10);
  }
}

BOOST_AUTO_TEST_CASE(work_that_comes_before_its_launch_gets_its_arrow) {
  simulated_cupti::Plan plan;
  plan.work_before_launch = true;
  simulation.plan(plan);
  const auto source = make_source();
  const Recorded r = record(*source, [] { simulation.launch(5000); });
  BOOST_TEST(r.by_category.at("s").size() == 5000u);
  BOOST_TEST(r.own["unmatched_correlations"] == 0);
  for (const auto& finding : r.findings) BOOST_TEST(finding == "");
}

BOOST_AUTO_TEST_CASE(what_is_lost_is_stated) {
  simulated_cupti::Plan plan;
  plan.zero_every = 7;
  plan.running_every = 11;
  plan.unknown_every = 100;
  plan.orphan_every = 13;
  simulation.plan(plan);
  const auto source = make_source();
  const Recorded r = record(*source, [] { simulation.launch(1000); });
  BOOST_TEST(r.own["zero_time_records"].get<int>() > 150);
  BOOST_TEST(r.own["unknown_records"] == 10);
  BOOST_TEST(r.own["unmatched_correlations"].get<int>() > 50);
  for (const json& kernel : r.by_category.at("kernel"))
    BOOST_REQUIRE(kernel["ts"].get<double>() > 0);
  for (const auto& finding : r.findings) BOOST_TEST(finding == "");
}

BOOST_AUTO_TEST_CASE(records_beyond_the_pool_are_dropped_and_counted) {
  simulation.plan({});
  const auto source = make_source(2);
  const Recorded r = record(*source, [] { simulation.launch(20000); });
  const auto written = r.by_category.at("kernel").size() + r.by_category.at("gpu_memcpy").size() +
                       r.by_category.at("gpu_memset").size() +
                       r.by_category.at("cuda_runtime").size();
  BOOST_TEST(r.own["device_drops"].get<std::size_t>() > 0u);
  BOOST_TEST(written + r.own["device_drops"].get<std::size_t>() == 40000u);
  BOOST_TEST(r.report.drops == r.own["drops"].get<std::size_t>());
}

BOOST_AUTO_TEST_CASE(an_error_of_cupti_leaves_the_host_s_trace_and_says_what_to_do) {
  const struct {
    int error;
    const char* says;
  } cases[] = {{39, "another profiler"},
               {35, "NVreg_RestrictProfilingToAdminUsers"},
               {999, "no CUDA driver"},
               {21, "CUPTI error 21"}};
  for (const auto& c : cases) {
    simulated_cupti::Plan plan;
    plan.enable_error = c.error;
    simulation.plan(plan);
    const auto source = make_source();
    const Recorded r = record(*source, [] { const prof::CorrelatedSpan span(op); });
    BOOST_TEST(r.own["gpu"].get<std::string>().find(c.says) != std::string::npos,
               r.own["gpu"].dump());
    BOOST_TEST(r.by_category.at("cpu_op").size() == 1u);
    BOOST_TEST(r.findings.empty());
  }
}

BOOST_AUTO_TEST_CASE(a_missing_library_is_named) {
  const auto source = prof::make_cupti_source({"/no/such/libcupti.so", {}, 65536, 4});
  BOOST_REQUIRE(!source.ok());
  BOOST_TEST(source.error().message.find("/no/such/libcupti.so") != std::string::npos);
}
