// What a run writes of its answers.
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>
#include <sstream>

#include "actors/formats/output_json.hpp"
#include "cli/run_output.hpp"
#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::cli;
using limelight::formats::to_json;
using namespace limelight::tests;
using nlohmann::json;

namespace {
RequestOutput output(const char* id, int index, const char* text) {
  RequestOutput out;
  out.request_id = id;
  out.index = index;
  out.text = text;
  return out;
}
}  // namespace

BOOST_AUTO_TEST_SUITE(run_output)

BOOST_AUTO_TEST_CASE(outputs_stand_in_the_order_of_the_requests_whichever_ends_first) {
  const Folder folder;
  const auto file = folder.path / "json";
  {
    auto out = RunOutput::create(folder.path / "out", true);
    if (!out) BOOST_FAIL(out.error().message);
    BOOST_TEST(out->add(1, output("0", 1, "second")).ok());
    BOOST_TEST(read_file(folder.path / "out/0.1.txt") == "second\n");
    BOOST_TEST(out->add(0, output("0", 0, "first")).ok());
    BOOST_TEST(out->add(4, output("b", 0, "after a gap")).ok());
    BOOST_TEST(out->finish().ok());
    std::FILE* to = std::fopen(file.c_str(), "w");
    BOOST_TEST(out->write_json(to, json::array(), 1.5).ok());
    std::fclose(to);
  }
  std::istringstream lines(read_file(folder.path / "out/outputs.jsonl"));
  std::vector<std::string> texts;
  for (std::string line; std::getline(lines, line);) texts.push_back(json::parse(line)["text"]);
  BOOST_TEST((texts == std::vector<std::string>{"first", "second", "after a gap"}));
  const json document = json::parse(read_file(file));
  BOOST_TEST(document["requests"].size() == 3u);
  BOOST_TEST(document["requests"][1]["index"] == 1);
  BOOST_TEST(document["wall_ms"] == 1.5);
}

BOOST_AUTO_TEST_CASE(an_output_states_why_it_ended_and_the_logarithms_that_were_asked_for) {
  RequestOutput out = output("a", 0, "text");
  out.answer = {.finish_reason = "stop",
                .stop_string = "END",
                .prompt_tokens = 3,
                .output_tokens = 5,
                .seed = 77};
  const TokenLogprob token{.token_id = 4, .logprob = -0.5f, .rank = 1, .token = "\xff"};
  out.answer.logprobs.push_back({token, {token, token}});
  json line = to_json(out);
  BOOST_TEST(line["finish_reason"] == "stop");
  BOOST_TEST(line["stop_reason"] == "END");
  BOOST_TEST(line["prompt_tokens"] == 3);
  BOOST_TEST(line["output_tokens"] == 5);
  BOOST_TEST(line["seed"] == 77);
  BOOST_TEST(line["logprobs"][0]["logprob"] == -0.5);
  BOOST_TEST(line["logprobs"][0]["top_logprobs"].size() == 2u);
  out.answer = {.finish_reason = "stop", .stop_token_id = 9};
  line = to_json(out);
  BOOST_TEST(line["stop_reason"] == 9);
  BOOST_TEST(!line.contains("logprobs"));
  out.answer = {.finish_reason = "length"};
  BOOST_TEST(to_json(out)["stop_reason"].is_null());
}

namespace {
RequestOutput measured() {
  RequestOutput out = output("7", 0, "Because.");
  out.prompt = "Why?";
  out.audio = {0, 0.5f};
  out.e2e_time_ms = 20;
  out.retries = 1;
  out.stages = {{.stage_id = 1,
                 .replica = 3,
                 .num_tokens_out = 30,
                 .stage_gen_time_ms = 10,
                 .mean_batch_size = 2.5}};
  for (const double ms : {1.0, 2.0})
    out.transfers.push_back({.from_stage = 0,
                             .from_replica = 2,
                             .to_stage = 1,
                             .to_replica = 3,
                             .chunks = 2,
                             .size_bytes = 100,
                             .tx_time_ms = ms,
                             .in_flight_time_ms = ms,
                             .rx_decode_time_ms = ms});
  return out;
}
Result<void> write_all(const std::filesystem::path& there,
                       const std::vector<RequestOutput>& outputs) {
  auto out = RunOutput::create(there, false);
  if (!out) return out.error();
  for (std::size_t i = 0; i < outputs.size(); ++i)
    if (auto added = out->add(i, outputs[i]); !added) return added;
  return out->finish();
}
}  // namespace

BOOST_AUTO_TEST_CASE(a_request_has_its_totals_and_its_stages) {
  const json result = to_json(measured());
  BOOST_TEST(result["request_id"] == "7");
  BOOST_TEST(result["text"] == "Because.");
  BOOST_TEST(result["audio_samples"] == 2);
  BOOST_TEST(result["transfers_total_bytes"] == 200);
  BOOST_TEST(result["transfers_total_time_ms"] == 9.0);
  BOOST_TEST(result["transfers"][1]["total_time_ms"] == 6.0);
  BOOST_TEST(result["stages"][0]["tokens_per_s"] == 3000.0);
  BOOST_TEST(result["stages"][0]["replica"] == 3);
  BOOST_TEST(result["transfers"][0]["from_replica"] == 2);
  BOOST_TEST(result["transfers"][0]["to_replica"] == 3);
  BOOST_TEST(result["retries"] == 1);
  BOOST_TEST(result["stages"][0]["batch_size"] == 2.5);
  BOOST_TEST(!result.contains("error"));
}

BOOST_AUTO_TEST_CASE(a_stage_that_took_no_time_has_no_rate_and_a_failure_has_its_code) {
  RequestOutput out = measured();
  out.stages[0].stage_gen_time_ms = 0;
  out.error = {ErrorCode::rank_failed, "rank 2 was killed"};
  const json result = to_json(out);
  BOOST_TEST(result["stages"][0]["tokens_per_s"] == 0);
  BOOST_TEST(result["error"]["code"] == "rank_failed");
  BOOST_TEST(result["error"]["message"] == "rank 2 was killed");
}

BOOST_AUTO_TEST_CASE(a_trace_says_where_it_is_or_why_it_is_not) {
  RankTrace trace{.rank = 2, .stage_id = 1, .file = "/traces/a.json.gz", .events = 5};
  BOOST_TEST(to_json(trace)["file"] == "/traces/a.json.gz");
  BOOST_TEST(to_json(trace)["events"] == 5);
  BOOST_TEST(!to_json(trace).contains("error"));
  trace.error = {ErrorCode::io, "the disk is full"};
  BOOST_TEST(to_json(trace)["error"]["code"] == "io");
}

BOOST_AUTO_TEST_CASE(each_request_has_its_files_and_a_line) {
  const Folder folder;
  const std::filesystem::path there = folder.path / "new/out";
  RequestOutput silent = measured();
  silent.request_id = "8";
  silent.audio.clear();
  silent.text = "half a character: \xc3";  // as a model may end
  const auto written = write_all(there, {measured(), silent});
  if (!written) BOOST_FAIL(written.error().message);
  BOOST_TEST(read_file(there / "7.txt") == "Because.\n");
  BOOST_TEST(read_file(there / "7.wav").starts_with("RIFF"));
  BOOST_TEST(read_file(there / "8.txt") == silent.text + "\n");
  BOOST_TEST(!std::filesystem::exists(there / "8.wav"));
  const std::string lines = read_file(there / "outputs.jsonl");
  const auto end = lines.find('\n');
  BOOST_TEST(json::parse(lines.substr(0, end))["request_id"] == "7");
  BOOST_TEST(json::parse(lines.substr(end + 1))["text"] == "half a character: \xef\xbf\xbd");
}

BOOST_AUTO_TEST_CASE(a_place_that_cannot_be_written_is_named) {
  const Folder folder;
  write_file(folder.path / "file", "");
  for (const std::filesystem::path& there : {folder.path / "file", folder.path / "file/below"}) {
    const auto failed = write_all(there, {measured()});
    BOOST_REQUIRE(!failed.ok());
    BOOST_TEST((failed.error().code == ErrorCode::io));
    BOOST_TEST(failed.error().message.starts_with(there.string()), failed.error().message);
  }
  // A text that cannot be written is no silent success either.
  std::filesystem::create_directories(folder.path / "out/7.txt");
  BOOST_TEST(write_all(folder.path / "out", {measured()})
                 .error()
                 .message.starts_with((folder.path / "out/7.txt").string() + ": "));
}

BOOST_AUTO_TEST_SUITE_END()
