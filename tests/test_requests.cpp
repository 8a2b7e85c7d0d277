// Requests as users write them, through a whole pipeline: parameters, answers, deadlines, files.
#include <boost/test/unit_test.hpp>
#include <limelight/omni.hpp>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>

#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::tests;
using nlohmann::json;

namespace {

std::vector<RequestOutput> ask(Omni& omni, std::vector<GenerateRequest> requests) {
  std::vector<RequestOutput> outputs;
  std::size_t next = 0;
  omni.generate_each(
      [&]() -> std::optional<GenerateRequest> {
        if (next == requests.size()) return std::nullopt;
        return requests[next++];
      },
      [&](RequestOutput output) { outputs.push_back(std::move(output)); });
  return outputs;
}
Ran limelight_run(const std::string& arguments) {
  return run(LIMELIGHT_COMMAND " run " + arguments);
}
std::vector<json> lines_of(const std::filesystem::path& file) {
  std::vector<json> all;
  std::istringstream lines(read_file(file));
  for (std::string line; std::getline(lines, line);) all.push_back(json::parse(line));
  return all;
}

}  // namespace

// Must come first: the others use the broker in this process.
BOOST_AUTO_TEST_CASE(a_file_of_requests_is_answered_in_its_order) {
  const Folder folder;
  const auto file = folder.path / "p.jsonl", out = folder.path / "out";
  std::string text =
      "{\"prompt\": \"a\", \"max_tokens\": 12, \"request_id\": \"long\", \"n\": 2, \"seed\": 5}\n"
      "{\"messages\": [{\"role\": \"user\", \"content\": \"Hi\"}], \"max_tokens\": 3}\n"
      "{\"prompt_token_ids\": [104, 105], \"sampling_params\": {\"max_tokens\": 2, \"logprobs\": "
      "2}}\n"
      "{\"prompt_token_ids\": [104, 5000], \"max_tokens\": 2}\n"
      "{\"prompt\": \"a\", \"max_tokens\": 4000}\n";
  for (int i = 0; i < 20; ++i) text += "{\"prompt\": \"b\", \"max_tokens\": 1}\n";
  const Ran ran = limelight_run("--prompts " + write_file(file, text).string() + " --output-dir " +
                                out.string() + " --temperature 0.5");
  BOOST_TEST(ran.code == 1, ran.output);
  for (const char* expected :
       {"request '3': prompt_token_ids[1]: found 5000, expected 0 to 2047, the tokens of the model",
        "request '4': 1 prompt tokens and max_tokens 4000 exceed max_model_len 2048",
        "24 of 26 requests done", "26/26 requests"})
    BOOST_TEST(ran.output.find(expected) != std::string::npos, ran.output);
  const auto lines = lines_of(out / "outputs.jsonl");
  BOOST_REQUIRE(lines.size() == 26u);
  BOOST_TEST(lines[0]["request_id"] == "long");
  BOOST_TEST(lines[1]["request_id"] == "long");
  BOOST_TEST(lines[1]["index"] == 1);
  BOOST_TEST(lines[0]["seed"] == 5);
  BOOST_TEST(lines[1]["seed"] == 6);
  BOOST_TEST(lines[0]["text"] != lines[1]["text"]);
  BOOST_TEST(lines[0]["output_tokens"] == 12);
  BOOST_TEST(lines[0]["finish_reason"] == "length");
  for (std::size_t i = 2; i < lines.size(); ++i)
    BOOST_TEST(lines[i]["request_id"] == std::to_string(i - 1));
  BOOST_TEST(lines[2]["output_tokens"] == 3);
  BOOST_TEST(lines[3]["prompt_tokens"] == 2);
  BOOST_TEST(lines[3]["logprobs"].size() == 2u);
  BOOST_TEST(lines[3]["logprobs"][0]["top_logprobs"].size() == 2u);
  BOOST_TEST(lines[4]["finish_reason"] == "error");
  BOOST_TEST(!read_file(out / "long.1.txt").empty());
  BOOST_TEST(!read_file(out / "long.1.wav").empty());
}

BOOST_AUTO_TEST_CASE(requests_come_from_a_pipe_as_from_a_file) {
  const Folder folder;
  const auto file = write_file(folder.path / "p.jsonl",
                               "{\"prompt\": \"a\"}\n{\"prompt\": \"b\", \"seed\": 3}\n");
  const std::string flags = " --max-tokens 5 --seed 7 --modalities text --output-dir ";
  const auto texts = [&](const std::string& prompts, const char* out) {
    const Ran ran = run("cat " + file.string() + " | " + LIMELIGHT_COMMAND + " run --prompts " +
                        prompts + flags + (folder.path / out).string());
    BOOST_TEST(ran.code == 0, ran.output);
    return read_file(folder.path / out / "0.txt") + "|" + read_file(folder.path / out / "1.txt");
  };
  const std::string expected = texts(file.string(), "plain");
  BOOST_TEST(expected.size() > 1u);
  BOOST_TEST(texts("-", "standard") == expected);
  BOOST_TEST(texts("/dev/stdin", "device") == expected);
  const Ran bad = run(std::string("printf '{}\n' | ") + LIMELIGHT_COMMAND + " run --prompts -");
  BOOST_TEST(bad.code == 2);
  BOOST_TEST(bad.output.find("standard input:1: found none of the keys") != std::string::npos,
             bad.output);
  BOOST_TEST(run(std::string(LIMELIGHT_COMMAND) + " run --prompts - </dev/null")
                 .output.find("standard input: found no request") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(flags_are_checked_before_anything_starts) {
  for (const auto& [flags, expected] :
       {std::pair("--temperature -1", "temperature: found -1, expected 0 or more"),
        std::pair("--presence-penalty -2.5", "presence_penalty: found -2.5, expected -2 to 2"),
        std::pair("--n 0", "n: found 0, expected 1 to 128")}) {
    const Ran ran = limelight_run(std::string("--prompt x ") + flags);
    BOOST_TEST(ran.code == 2);
    BOOST_TEST(ran.output == std::string("limelight run: ") + expected + "\n", ran.output);
  }
  const Folder folder;
  const auto file =
      write_file(folder.path / "p.jsonl", "{\"prompt\": \"a\"}\n{\"promt\": \"b\"}\n");
  const Ran ran = limelight_run("--prompts " + file.string());
  BOOST_TEST(ran.code == 2);
  BOOST_TEST(ran.output.find("p.jsonl:2: key 'promt': found an unknown key, expected one of") !=
             std::string::npos);
  BOOST_TEST(ran.output.find("starting") == std::string::npos, ran.output);
}

BOOST_AUTO_TEST_CASE(flags_reach_the_sampler) {
  const Ran ran = limelight_run(
      "--prompt x --system y --max-tokens 5 --seed 9 --temperature 0.8 --top-p 0.9 --top-k 40 "
      "--min-p 0.01 --frequency-penalty -0.5 --repetition-penalty 1.2 --stop '#' --stop '@' "
      "--ignore-eos --logprobs 1 --n 2 --json");
  BOOST_TEST(ran.code == 0, ran.output);
  const json document = json::parse(ran.output.substr(ran.output.find('{')));
  BOOST_REQUIRE(document["requests"].size() == 2u);
  BOOST_TEST(document["requests"][1]["seed"] == 10);
  BOOST_TEST(document["requests"][0]["output_tokens"] == 5);
  BOOST_TEST(document["requests"][0]["prompt_tokens"] == 26);  // system, y, user, x, assistant
  BOOST_TEST(document["requests"][0]["logprobs"].size() == 5u);
}

BOOST_AUTO_TEST_CASE(wanted_kinds_of_output_are_a_flag_for_requests_that_name_none) {
  const Folder folder;
  const auto file = write_file(
      folder.path / "p.jsonl",
      "{\"prompt\": \"a\"}\n{\"prompt\": \"b\", \"modalities\": [\"text\", \"audio\"]}\n");
  const auto out = folder.path / "out";
  const Ran ran = limelight_run("--prompts " + file.string() + " --max-tokens 5 --modalities text" +
                                " --output-dir " + out.string());
  BOOST_TEST(ran.code == 0, ran.output);
  const auto lines = lines_of(out / "outputs.jsonl");
  BOOST_REQUIRE(lines.size() == 2u);
  BOOST_TEST(!std::filesystem::exists(out / "0.wav"));
  BOOST_TEST(std::filesystem::exists(out / "1.wav"));
  const Ran wrong = limelight_run("--prompt a --modalities smell");
  BOOST_TEST(wrong.code == 1);
  BOOST_TEST(wrong.output.find("modalities: found 'smell', expected what the pipeline has: audio, "
                               "text") != std::string::npos,
             wrong.output);
}

BOOST_AUTO_TEST_CASE(a_drawn_seed_repeats_the_answer_when_it_is_given) {
  const Folder folder;
  std::string text = read_file(CONFIG_DIR "/omni_tiny.yaml");
  for (std::size_t at = 0; (at = text.find("seed: 42,", at)) != std::string::npos;)
    text.erase(at, std::string("seed: 42,").size());
  auto omni = Omni::from_engine_args({.config = write_file(folder.path / "a.yaml", text)});
  if (!omni) BOOST_FAIL(omni.error().message);
  stages::SamplingParams params = (*omni)->default_sampling_params();
  BOOST_TEST(!params.seed.has_value());
  BOOST_TEST(!params.max_tokens.has_value());
  params.max_tokens = 20;
  const GenerateRequest request{.prompt = "Why?", .sampling_params = params};
  const auto first = ask(**omni, {request, request});
  BOOST_REQUIRE(first.size() == 2u);
  BOOST_TEST(first[0].answer.seed != first[1].answer.seed);
  BOOST_TEST(first[0].text != first[1].text);
  GenerateRequest again = request;
  again.sampling_params->seed = first[0].answer.seed;
  const auto second = ask(**omni, {again});
  BOOST_TEST(second[0].text == first[0].text);
  BOOST_TEST((second[0].audio == first[0].audio));  // the seed is that of later stages, too
}

BOOST_AUTO_TEST_CASE(a_request_that_is_late_ends_with_both_numbers_and_others_go_on) {
  auto omni = Omni::from_engine_args({.config = CONFIG_DIR "/omni_tiny.yaml"});
  if (!omni) BOOST_FAIL(omni.error().message);
  std::vector<GenerateRequest> requests;
  for (int i = 0; i < 6; ++i)
    requests.push_back({.prompt = "A long story", .request_id = "r" + std::to_string(i)});
  requests[1].deadline = requests[5].deadline = std::chrono::milliseconds(60);
  std::size_t late = 0;
  for (const RequestOutput& out : ask(**omni, requests)) {
    if (out.request_id != "r1" && out.request_id != "r5") {
      BOOST_TEST(out.error.message == "");
      continue;
    }
    ++late;
    BOOST_TEST((out.error.code == ErrorCode::timeout));
    BOOST_TEST(out.answer.finish_reason == "abort");
    BOOST_TEST(out.error.message.starts_with("request '" + out.request_id + "': found "));
    BOOST_TEST(out.error.message.ends_with("expected its end within deadline_ms 60"));
    // The last one never left the queue.
    BOOST_TEST(
        (out.error.message.find("in the queue") != std::string::npos) == (out.request_id == "r5"),
        out.error.message);
    BOOST_TEST(out.e2e_time_ms >= 60);
  }
  BOOST_TEST(late == 2u);
}

BOOST_AUTO_TEST_CASE(what_no_stage_could_serve_is_refused_at_once) {
  auto omni = Omni::from_engine_args({.config = CONFIG_DIR "/omni_tiny.yaml"});
  if (!omni) BOOST_FAIL(omni.error().message);
  const auto refused = [&](GenerateRequest request) {
    request.request_id = "r";
    const auto outputs = ask(**omni, {request});
    BOOST_REQUIRE(outputs.size() == 1u);
    BOOST_TEST((outputs[0].error.code == ErrorCode::invalid_argument));
    return outputs[0].error.message;
  };
  BOOST_TEST(refused({.prompt = "a", .sampling_params = stages::SamplingParams{.top_p = 0}}) ==
             "request 'r': top_p: found 0, expected more than 0, and 1 at most");
  BOOST_TEST(refused({.prompt = "a", .prompt_token_ids = {1}}) ==
             "request 'r': found 2 of prompt, messages and prompt_token_ids, expected one");
  BOOST_TEST(refused({.prompt = "a", .deadline = std::chrono::milliseconds(-1)}) ==
             "request 'r': deadline: found -1 ms, expected 0 (none) or more");
}
