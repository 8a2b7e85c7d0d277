// What stands beside a trace when an allocation fails.
#include <boost/test/unit_test.hpp>
#include <limelight/trace.hpp>
#include <nlohmann/json.hpp>

#include "profiling/capture/flight_recorder.hpp"
#include "profiling/capture/memory_snapshot.hpp"
#include "tests/profiling/sessions.hpp"
#include "tests/support.hpp"

namespace prof = limelight::profiling;
namespace fs = std::filesystem;
using namespace limelight::tests;
using nlohmann::json;

BOOST_AUTO_TEST_SUITE(memory_snapshot)

BOOST_AUTO_TEST_CASE(an_allocation_that_fails_leaves_what_was_there_beside_the_trace) {
  const Folder folder;
  // Failures from before the profile are none of it.
  (void)prof::memory_ledger().failed(prof::MemorySpace::host, prof::MemoryHolder::weights, 1);
  const prof::MemoryHold cache(prof::MemorySpace::host, prof::MemoryHolder::kv_cache, 3u << 20);
  prof::name_request(9, "req-9");
  auto session = prof::Session::start(options(folder.path));
  BOOST_REQUIRE(session.ok());
  {
    const prof::RequestScope request(9);
    (void)prof::memory_ledger().failed(prof::MemorySpace::device, prof::MemoryHolder::activations,
                                       std::uint64_t{5} << 30);
  }
  const auto report = (*session)->stop();
  BOOST_REQUIRE(report.ok());
  const limelight::AllocationFailures& failed = report->failed_allocations;
  BOOST_TEST(failed.times == 1u);
  BOOST_TEST(failed.last.starts_with("found no room for 5120.0 MiB of the device's memory for "
                                     "activations"),
             failed.last);
  BOOST_TEST(failed.file == prof::memory_snapshot_of(report->file).string());
  const json all = json::parse(read_file(failed.file));
  BOOST_TEST(all["trace"] == report->file.filename().string());
  BOOST_REQUIRE(all["failures"].size() == 1u);
  const json& one = all["failures"][0];
  BOOST_TEST(one["wanted_bytes"] == std::uint64_t{5} << 30);
  BOOST_TEST(one["for"] == "activations");
  BOOST_TEST(one["on"] == "device");
  BOOST_TEST(one["request"] == "req-9");
  BOOST_TEST(one["holders"]["kv cache"] >= 3u << 20);
  BOOST_TEST(one["counters"]["memory.host"] >= 3u << 20);
  BOOST_TEST(one["counters"]["memory.resident"] > 0u);
  BOOST_TEST(one["sentence"] == failed.last);
  BOOST_TEST(one["ts"] > 0.0);

  // The trace and its summary say it, and it stays valid.
  BOOST_TEST(prof::validate({report->file}).empty());
  const auto table = prof::summary_table({report->file});
  BOOST_REQUIRE(table.ok());
  BOOST_TEST(table->find("1 allocation failed, the last found no room for 5120.0 MiB") !=
             std::string::npos);
  BOOST_TEST(table->find(fs::path(failed.file).filename().string()) != std::string::npos);
}

BOOST_AUTO_TEST_CASE(without_a_failure_there_is_nothing) {
  const Folder folder;
  const fs::path trace = written(options(folder.path));
  BOOST_TEST(!fs::exists(prof::memory_snapshot_of(trace)));
}

BOOST_AUTO_TEST_SUITE_END()
