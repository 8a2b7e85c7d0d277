// The results of `limelight run` as scripts read them.
#include <boost/test/unit_test.hpp>

#include "cli/run_outputs.hpp"
#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::tests;
using nlohmann::json;
namespace fs = std::filesystem;

namespace {
RequestOutput output() {
  RequestOutput out;
  out.request_id = "7";
  out.prompt = "Why?";
  out.text = "Because.";
  out.audio = {0, 0.5f};
  out.e2e_time_ms = 20;
  out.stages = {{.stage_id = 1, .num_tokens_out = 30, .stage_gen_time_ms = 10}};
  for (const double ms : {1.0, 2.0})
    out.transfers.push_back({.from_stage = 0,
                             .to_stage = 1,
                             .chunks = 2,
                             .size_bytes = 100,
                             .tx_time_ms = ms,
                             .in_flight_time_ms = ms,
                             .rx_decode_time_ms = ms});
  return out;
}
}  // namespace

BOOST_AUTO_TEST_SUITE(run_outputs)

BOOST_AUTO_TEST_CASE(a_request_has_its_totals_and_its_stages) {
  const json result = cli::to_json(output());
  BOOST_TEST(result["request_id"] == "7");
  BOOST_TEST(result["text"] == "Because.");
  BOOST_TEST(result["audio_samples"] == 2);
  BOOST_TEST(result["transfers_total_bytes"] == 200);
  BOOST_TEST(result["transfers_total_time_ms"] == 9.0);
  BOOST_TEST(result["transfers"][1]["total_time_ms"] == 6.0);
  BOOST_TEST(result["stages"][0]["tokens_per_s"] == 3000.0);
  BOOST_TEST(!result.contains("error"));
}

BOOST_AUTO_TEST_CASE(a_stage_that_took_no_time_has_no_rate_and_a_failure_has_its_code) {
  RequestOutput out = output();
  out.stages[0].stage_gen_time_ms = 0;
  out.error = {ErrorCode::rank_failed, "rank 2 was killed"};
  const json result = cli::to_json(out);
  BOOST_TEST(result["stages"][0]["tokens_per_s"] == 0);
  BOOST_TEST(result["error"]["code"] == "rank_failed");
  BOOST_TEST(result["error"]["message"] == "rank 2 was killed");
}

BOOST_AUTO_TEST_CASE(a_trace_says_where_it_is_or_why_it_is_not) {
  RankTrace trace{.rank = 2, .stage_id = 1, .file = "/traces/a.json.gz", .events = 5};
  BOOST_TEST(cli::to_json(trace)["file"] == "/traces/a.json.gz");
  BOOST_TEST(cli::to_json(trace)["events"] == 5);
  BOOST_TEST(!cli::to_json(trace).contains("error"));
  trace.error = {ErrorCode::io, "the disk is full"};
  BOOST_TEST(cli::to_json(trace)["error"]["code"] == "io");
}

BOOST_AUTO_TEST_CASE(each_request_has_its_files_and_a_line) {
  const Folder folder;
  const fs::path there = folder.path / "new/out";
  RequestOutput silent = output();
  silent.request_id = "8";
  silent.audio.clear();
  silent.text = "half a character: \xc3";  // as a model may end
  const auto written = cli::write_outputs(there, {output(), silent});
  if (!written) BOOST_FAIL(written.error().message);
  BOOST_TEST(read_file(there / "7.txt") == "Because.\n");
  BOOST_TEST(read_file(there / "7.wav").starts_with("RIFF"));
  BOOST_TEST(read_file(there / "8.txt") == silent.text + "\n");
  BOOST_TEST(!fs::exists(there / "8.wav"));
  const std::string lines = read_file(there / "outputs.jsonl");
  const auto end = lines.find('\n');
  BOOST_TEST(json::parse(lines.substr(0, end))["request_id"] == "7");
  BOOST_TEST(json::parse(lines.substr(end + 1))["text"] == "half a character: \xef\xbf\xbd");
}

BOOST_AUTO_TEST_CASE(a_place_that_cannot_be_written_is_named) {
  const Folder folder;
  write_file(folder.path / "file", "");
  for (const fs::path& there : {folder.path / "file", folder.path / "file/below"}) {
    const auto failed = cli::write_outputs(there, {output()});
    BOOST_REQUIRE(!failed.ok());
    BOOST_TEST((failed.error().code == ErrorCode::io));
    BOOST_TEST(failed.error().message.starts_with(there.string()), failed.error().message);
  }
  // A text that cannot be written is no silent success either.
  fs::create_directories(folder.path / "out/7.txt");
  BOOST_TEST(cli::write_outputs(folder.path / "out", {output()})
                 .error()
                 .message.starts_with((folder.path / "out/7.txt").string() + ": "));
}

BOOST_AUTO_TEST_SUITE_END()
