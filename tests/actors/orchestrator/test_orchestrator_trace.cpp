// The orchestrator's own trace beside those of the ranks.
#include <boost/test/unit_test.hpp>
#include <limelight/trace.hpp>

#include "actors/orchestrator/orchestrator_trace.hpp"
#include "profiling/record/clock.hpp"
#include "tests/support.hpp"

using namespace limelight::actors;
using namespace limelight::tests;
using limelight::ErrorCode;
namespace fs = std::filesystem;
namespace prof = limelight::profiling;

namespace {
StartProfile request(const fs::path& directory, const char* prefix = "run") {
  StartProfile request;
  request.directory = directory;
  request.timestamp = "1700000000000";
  request.options.prefix = prefix;
  request.base_ns = prof::default_base_ns();
  return request;
}
}  // namespace

BOOST_AUTO_TEST_SUITE(orchestrator_trace)

BOOST_AUTO_TEST_CASE(it_is_one_more_rank_behind_the_last_and_twice_is_harmless) {
  const Folder folder;
  OrchestratorTrace own;
  BOOST_TEST(!own.stop().has_value());
  const auto first = own.start(request(folder.path), 3);
  BOOST_TEST(first.rank == 3);
  BOOST_TEST(first.stage_id == -1);
  BOOST_TEST(first.note == "");
  BOOST_TEST((first.error.code == ErrorCode::none));
  BOOST_TEST(own.start(request(folder.path), 3).note == "was already running");
  const auto stopped = own.stop();
  BOOST_REQUIRE(stopped.has_value());
  BOOST_TEST(stopped->file == first.file);
  BOOST_TEST(stopped->file.filename().string().find("-rank-3.") != std::string::npos);
  BOOST_TEST(stopped->file.filename().string().find("_orchestrator.pt") != std::string::npos);
  for (const auto& finding : prof::validate({stopped->file})) BOOST_TEST(finding == "");
  BOOST_TEST(!own.stop().has_value());
}

BOOST_AUTO_TEST_CASE(a_failure_is_told_and_leaves_nothing_running) {
  const Folder folder;
  OrchestratorTrace own;
  const auto refused = own.start(request(folder.path, "no/prefix"), 3);
  BOOST_TEST((refused.error.code == ErrorCode::invalid_argument));
  BOOST_TEST(refused.file.empty());
  BOOST_TEST(!own.stop().has_value());
  BOOST_REQUIRE((own.start(request(folder.path / "gone"), 3).error.code == ErrorCode::none));
  fs::remove_all(folder.path / "gone");
  const auto lost = own.stop();
  BOOST_REQUIRE(lost.has_value());
  BOOST_TEST((lost->error.code == ErrorCode::io));
  BOOST_TEST(lost->file.empty());
}

BOOST_AUTO_TEST_SUITE_END()
