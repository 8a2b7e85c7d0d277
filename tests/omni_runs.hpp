// How tests run the small omni models of the fixtures through processes, and what they compare.
// expected: the fixture's expected.json, with ids, answer and codes of each prompt.
#pragma once

#include <boost/test/unit_test.hpp>
#include <functional>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tests/run_command.hpp"
#include "tests/support.hpp"

namespace limelight::tests {

inline nlohmann::json expected_of(const std::filesystem::path& model) {
  return nlohmann::json::parse(read_file(model / "expected.json"));
}

// Runs the expected prompts with these options of `limelight run`. Returns the folder of outputs.
inline std::string run_prompts(const nlohmann::json& expected,
                               const std::string& options,
                               const std::filesystem::path& out) {
  std::string lines;
  for (const nlohmann::json& prompt : expected)
    lines += nlohmann::json{{"prompt_token_ids", prompt["ids"]}, {"logprobs", 0}}.dump() + "\n";
  const auto prompts = write_file(out.string() + ".jsonl", lines);
  const Ran ran = limelight_command("run " + options + " --prompts " + prompts.string() +
                                    " --output-dir " + out.string());
  BOOST_REQUIRE_MESSAGE(ran.code == 0, ran.output);
  return out.string();
}

// The answers are the expected ones. each: what else there is to say of an output.
inline void check_answers(
    const nlohmann::json& expected,
    const std::string& out,
    const std::function<void(const nlohmann::json& output, const nlohmann::json& wanted)>& each) {
  std::istringstream lines(read_file(out + "/outputs.jsonl"));
  std::size_t seen = 0;
  for (std::string line; std::getline(lines, line); ++seen) {
    const auto output = nlohmann::json::parse(line);
    const auto& wanted = expected[std::stoul(output["request_id"].get<std::string>())];
    std::vector<int> answer;
    for (const auto& one : output["logprobs"]) answer.push_back(one["token_id"]);
    BOOST_TEST(answer == wanted["answer"].get<std::vector<int>>(),
               boost::test_tools::per_element());
    each(output, wanted);
  }
  BOOST_TEST(seen == expected.size());
}

// On one rank and on two: the answers and the number of codes are the expected ones, and texts and
// sounds are the same. config: of so many ranks for the thinker and the talker, which is stage 1.
inline void check_on_one_rank_and_on_two(const std::filesystem::path& model,
                                         const std::function<std::string(int ranks)>& config) {
  const Folder folder;
  const auto expected = expected_of(model);
  std::vector<std::string> outs;
  for (const int ranks : {1, 2}) {
    const std::string number = std::to_string(ranks);
    const auto file = write_file(folder.path / (number + ".yaml"), config(ranks));
    outs.push_back(
        run_prompts(expected, "--config " + file.string(), folder.path / ("out" + number)));
  }
  check_answers(expected, outs[0], [](const auto& output, const auto& wanted) {
    for (const auto& stage : output["stages"])  // in the order in which they ended
      if (stage["stage_id"] == 1) BOOST_TEST(stage["num_tokens_out"] == wanted["codes"].size());
  });
  for (std::size_t i = 0; i < expected.size(); ++i)
    for (const char* kind : {".txt", ".wav"}) {
      const std::string name = "/" + std::to_string(i) + kind;
      BOOST_TEST(!read_file(outs[0] + name).empty());
      BOOST_TEST((read_file(outs[0] + name) == read_file(outs[1] + name)), name);
    }
}

// A run of this config ends before it starts, and says so.
inline void check_refused(const std::string& config, const std::string& expected) {
  const Folder folder;
  const auto file = write_file(folder.path / "bad.yaml", config);
  const Ran ran = limelight_command("run --prompt x --config " + file.string());
  BOOST_TEST(ran.code == 2);
  BOOST_TEST(ran.output.find(expected) != std::string::npos, ran.output);
}

}  // namespace limelight::tests
