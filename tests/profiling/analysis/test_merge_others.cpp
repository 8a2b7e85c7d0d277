// Rank files of other programs in one timeline.
#include <boost/test/unit_test.hpp>
#include <limelight/trace.hpp>
#include <map>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/support.hpp"
#include "tests/trace_file.hpp"

namespace prof = limelight::profiling;
namespace fs = std::filesystem;
using namespace limelight::tests;
using nlohmann::json;

namespace {

// In the shape of what vLLM-Omni writes for a rank of a stage: one process, GPU 0, a collective a
// step, an arrow from each launch to its kernel.
fs::path rank_file(const fs::path& folder, int stage, int rank, std::int64_t base, int late_us) {
  json events = json::array();
  events.push_back(
      {{"ph", "M"}, {"name", "process_name"}, {"pid", 1}, {"args", {{"name", "python"}}}});
  events.push_back({{"ph", "X"},
                    {"cat", "Trace"},
                    {"name", "PyTorch Profiler (0)"},
                    {"pid", "Spans"},
                    {"tid", "PyTorch Profiler"},
                    {"ts", 1.0},
                    {"dur", 900.0}});
  for (int i = 0; i < 3; ++i) {
    const double at = 100.0 * i + 10;
    events.push_back({{"ph", "X"},
                      {"cat", "cuda_runtime"},
                      {"name", "cudaLaunchKernel"},
                      {"pid", 1},
                      {"tid", 1},
                      {"ts", at},
                      {"dur", 5.0},
                      {"args", {{"correlation", i}}}});
    events.push_back({{"ph", "s"},
                      {"id", i},
                      {"cat", "ac2g"},
                      {"name", "ac2g"},
                      {"pid", 1},
                      {"tid", 1},
                      {"ts", at}});
    events.push_back({{"ph", "X"},
                      {"cat", "kernel"},
                      {"name", "ncclDevKernel_AllReduce"},
                      {"pid", 0},
                      {"tid", 7},
                      {"ts", at + 10 + late_us},
                      {"dur", 30.0 - late_us},
                      {"args",
                       {{"Collective name", "allreduce"},
                        {"Process Group Name", "tp"},
                        {"Process Group Ranks", "[0, 1]"},
                        {"Group size", 2}}}});
    events.push_back({{"ph", "f"},
                      {"id", i},
                      {"bp", "e"},
                      {"cat", "ac2g"},
                      {"name", "ac2g"},
                      {"pid", 0},
                      {"tid", 7},
                      {"ts", at + 10 + late_us}});
  }
  const fs::path own =
      folder / ("1755_stage" + std::to_string(stage) + "_rank" + std::to_string(rank) + "_99");
  fs::create_directories(own);
  return write_file(own / ("trace_rank" + std::to_string(rank) + ".json"),
                    json{{"schemaVersion", 1},
                         {"baseTimeNanoseconds", base},
                         {"distributedInfo", {{"backend", "nccl"}, {"rank", rank}}},
                         {"traceEvents", events}}
                        .dump(2));
}

}  // namespace

BOOST_AUTO_TEST_CASE(rank_files_of_others_share_one_clock_with_their_collectives_matched) {
  const Folder folder;
  const std::int64_t base = 1'790'857'026'000'000'000;
  const fs::path out = folder.path / "all.json.gz";
  // Of the second rank the same instants stand as times since another base.
  const auto merged = prof::merge(
      {rank_file(folder.path, 0, 0, base, 0), rank_file(folder.path, 0, 1, base - 4000, 8),
       rank_file(folder.path, 1, 0, base, 1)},
      out);
  if (!merged) BOOST_FAIL(merged.error().message);
  BOOST_TEST(merged->files == 3u);
  BOOST_TEST(merged->events == 3u * 7);
  BOOST_TEST(merged->collectives >= 3u);
  const json all = json::parse(read_gzip(out));
  BOOST_TEST(all["baseTimeNanoseconds"] == base - 4000);
  std::map<std::string, std::set<std::int64_t>> pids;  // by the name of the process
  std::map<std::int64_t, std::multiset<double>> launches;
  std::set<std::string> ids;
  for (const json& event : all["traceEvents"]) {
    if (event["ph"] == "M" && event["name"] == "process_name")
      pids[event["args"]["name"]].insert(event["pid"].get<std::int64_t>());
    if (event["ph"] == "X" && event["name"] == "cudaLaunchKernel")
      launches[event["pid"]].insert(event["ts"].get<double>());
    if (event["ph"] == "s" && event["cat"] == "ac2g") ids.insert(event["id"].dump());
    BOOST_TEST(event["pid"].is_number_unsigned());
    BOOST_TEST(event["pid"].get<std::int64_t>() <= std::int64_t{UINT32_MAX});
  }
  for (const char* name : {"rank 0: stage 0: python", "rank 1: stage 0: python",
                           "rank 2: stage 1: python", "rank 0: stage 0: Spans"})
    BOOST_TEST(pids[name].size() == 1u, name);
  BOOST_TEST(ids.size() == 9u);
  BOOST_REQUIRE(launches.size() == 3u);
  std::set<double> begins;
  for (const auto& [pid, times] : launches) begins.insert(*times.begin());
  BOOST_TEST(begins == (std::set<double>{10, 14}), boost::test_tools::per_element());
  for (const prof::TraceValidity& file : prof::examine({out}))
    for (const auto& finding : file.findings) BOOST_TEST(finding == "");
}

BOOST_AUTO_TEST_CASE(files_whose_clocks_have_nothing_in_common_are_refused) {
  const Folder folder;
  const fs::path known = rank_file(folder.path, 0, 0, 5, 0),
                 unknown = write_file(folder.path / "viz.json",
                                      R"([{"ph":"X","name":"a","pid":1,"tid":1,"ts":5,"dur":1}])");
  const auto merged = prof::merge({known, unknown}, folder.path / "m.gz");
  BOOST_REQUIRE(!merged.ok());
  BOOST_TEST(merged.error().message.find("its clock is unknown") != std::string::npos);
  BOOST_TEST(!fs::exists(folder.path / "m.gz"));
}
