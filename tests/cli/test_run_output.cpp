// What a run writes of its answers.
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>
#include <sstream>

#include "cli/run_output.hpp"
#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::cli;
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

BOOST_AUTO_TEST_SUITE_END()
