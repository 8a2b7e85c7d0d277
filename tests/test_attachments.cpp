// Tensors that requests bring along, from the user's process into the stages of a pipeline.
#include <signal.h>

#include <boost/test/unit_test.hpp>
#include <cstring>
#include <limelight/omni.hpp>
#include <nlohmann/json.hpp>
#include <set>

#include "tests/run_command.hpp"
#include "tests/support.hpp"

using limelight::Attachment;
using limelight::ErrorCode;
using limelight::GenerateRequest;
using limelight::Omni;
using limelight::RequestOutput;
using namespace limelight::tests;
namespace ipc = limelight::ipc;
namespace stages = limelight::stages;

namespace {

const std::string library = PLUGIN_DIR "/graph.so";
constexpr std::size_t largest = 1 << 20;

// A source that counts to the number in the prompt, and a stage that adds to each row a row of the
// attachment `offsets` and, if it is there, one of `more`. `lines` are lines of the key `runtime`.
std::string config(const std::string& lines = {}, int replicas = 1) {
  return "stage_args:\n"
         "  - stage_id: 0\n"
         "    stage_type: plugin\n"
         "    library: " +
         library +
         "\n"
         "    engine_args: {model_stage: source}\n"
         "  - stage_id: 1\n"
         "    stage_type: plugin\n"
         "    library: " +
         library +
         "\n"
         "    engine_args: {model_stage: join}\n"
         "    options: {inputs: rows offsets more}\n"
         "    final_output: true\n"
         "    num_replicas: " +
         std::to_string(replicas) +
         "\n"
         "runtime:\n" +
         lines +
         "  edges: [{from: 0, to: 1, to_port: rows}]\n"
         "  attachments:\n"
         "    - {name: offsets, to: 1, to_port: offsets, largest_bytes: " +
         std::to_string(largest) +
         "}\n"
         "    - {name: more, to: 1, to_port: more, largest_bytes: 64, required: false}\n";
}

Attachment rows(const std::string& name, const std::vector<std::int64_t>& values) {
  Attachment made{.name = name, .tensor = ipc::TensorSpec::of(ipc::DType::int64, {values.size()})};
  made.data.resize(values.size() * sizeof(std::int64_t));
  std::memcpy(made.data.data(), values.data(), made.data.size());
  return made;
}

struct Pipeline {
  explicit Pipeline(const std::string& text, limelight::EngineArgs args = {}) {
    args.config = write_file(folder.path / "attachments.yaml", text);
    auto made = Omni::from_engine_args(args);
    if (!made) BOOST_FAIL(made.error().message);
    omni = std::move(*made);
  }
  // In the order of the requests.
  std::vector<RequestOutput> ask(std::vector<GenerateRequest> requests) {
    std::vector<RequestOutput> outputs(requests.size());
    std::size_t next = 0;
    omni->generate_each(
        [&]() -> std::optional<GenerateRequest> {
          if (next == requests.size()) return std::nullopt;
          requests[next].request_id = std::to_string(next);
          return std::move(requests[next++]);
        },
        [&](RequestOutput output) {
          const std::size_t i = std::stoul(output.request_id);
          outputs[i] = std::move(output);
        });
    return outputs;
  }
  Folder folder;
  std::unique_ptr<Omni> omni;
};

}  // namespace

// Must come first: the others use the broker in this process.
BOOST_AUTO_TEST_CASE(a_file_of_requests_brings_tensors_as_numbers_and_as_files) {
  const Folder folder;
  write_file(folder.path / "c.yaml", config());
  const auto two = rows("", {30, 40}).data;
  write_file(folder.path / "two.raw", {reinterpret_cast<const char*>(two.data()), two.size()});
  const auto file = write_file(
      folder.path / "p.jsonl",
      R"({"prompt": "3", "attachments": {"offsets": {"dtype": "int64", "shape": [3],)"
      R"( "values": [10, 20, 30]}}})"
      "\n"
      R"({"prompt": "2", "attachments": {"offsets": {"dtype": "int64", "shape": [2],)"
      R"( "file": "two.raw"}, "more": {"dtype": "int64", "shape": [2, 1], "values": [5, -6]}}})"
      "\n");
  const std::string out = folder.path / "out", traces = folder.path / "traces";
  const Ran ran = limelight_command("run --config " + (folder.path / "c.yaml").string() +
                                    " --prompts " + file.string() + " --output-dir " + out +
                                    " --profile all --profile-dir " + traces);
  BOOST_TEST(ran.code == 0, ran.output);
  BOOST_TEST(read_file(out + "/0.txt") == "10 21 32 \n");
  BOOST_TEST(read_file(out + "/1.txt") == "35 35 \n");
  BOOST_TEST(ran.output.find("request -> 1") != std::string::npos, ran.output);
  const Ran valid = limelight_command("trace validate " + traces + "/*.json.gz");
  BOOST_TEST(valid.code == 0, valid.output);
  BOOST_TEST(left_behind().empty());
}

BOOST_AUTO_TEST_CASE(each_request_gets_its_own_tensors) {
  Pipeline pipeline(config("  defaults: {max_inflight: 8}\n", 2));
  std::vector<GenerateRequest> requests;
  std::vector<std::string> expected;
  for (int i = 0; i < 40; ++i) {
    const int n = 1 + i % 7;
    std::vector<std::int64_t> offsets, more;
    std::string text;
    for (int row = 0; row < n; ++row) {
      offsets.push_back(1000 * i + row);
      more.push_back(i % 3 == 0 ? 0 : 1'000'000);
      text += std::to_string(row + offsets.back() + more.back()) + " ";
    }
    requests.push_back({.prompt = std::to_string(n), .attachments = {rows("offsets", offsets)}});
    if (i % 3 != 0) requests.back().attachments.push_back(rows("more", more));
    expected.push_back(text);
  }
  const auto outputs = pipeline.ask(requests);
  std::set<int> replicas;
  for (std::size_t i = 0; i < outputs.size(); ++i) {
    BOOST_TEST(outputs[i].text == expected[i], outputs[i].error.message);
    std::size_t from_request = 0;
    for (const auto& edge : outputs[i].transfers)
      if (edge.from_stage == limelight::TransferStats::from_request) {
        ++from_request;
        BOOST_TEST(edge.chunks == 1u);
        replicas.insert(edge.to_replica);
      }
    BOOST_TEST(from_request == 2u);  // one of them empty, where the request has none
  }
  BOOST_TEST(replicas.size() == 2u);
}

BOOST_AUTO_TEST_CASE(large_tensors_of_many_requests_wait_for_memory_and_arrive) {
  Pipeline pipeline(config("  defaults: {max_inflight: 3}\n"));
  std::vector<GenerateRequest> requests;
  for (int i = 0; i < 30; ++i) {
    std::vector<std::int64_t> offsets(largest / sizeof(std::int64_t), i);
    requests.push_back({.prompt = "2", .attachments = {rows("offsets", offsets)}});
  }
  const auto outputs = pipeline.ask(requests);
  for (std::size_t i = 0; i < outputs.size(); ++i)
    BOOST_TEST(outputs[i].text == std::to_string(i) + " " + std::to_string(i + 1) + " ",
               outputs[i].error.message);
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_the_config_is_the_error_of_its_request) {
  Pipeline pipeline(config());
  const auto error = [&](std::vector<Attachment> attachments) {
    const auto outputs = pipeline.ask({{.prompt = "1", .attachments = std::move(attachments)},
                                       {.prompt = "1", .attachments = {rows("offsets", {4})}}});
    BOOST_TEST(outputs[1].text == "4 ", outputs[1].error.message);
    BOOST_TEST((outputs[0].error.code == ErrorCode::invalid_argument));
    return outputs[0].error.message;
  };
  BOOST_TEST(error({}) ==
             "request '0': attachment 'offsets': found none, expected one for stage 1");
  BOOST_TEST(error({rows("offset", {1})}) ==
             "request '0': attachment 'offset': found an unknown name, expected one of offsets, "
             "more");
  BOOST_TEST(error({rows("offsets", {1}), rows("offsets", {1})}) ==
             "request '0': attachment 'offsets': found twice, expected once");
  BOOST_TEST(error({rows("offsets", {1}), rows("more", std::vector<std::int64_t>(9))}) ==
             "request '0': attachment 'more': found int64 [9], 72 bytes, expected largest_bytes 64 "
             "at most");
  Attachment torn = rows("offsets", {1});
  torn.data.pop_back();
  BOOST_TEST(error({torn}) ==
             "request '0': attachment 'offsets': found 7 bytes for int64 [1], expected 8");
}

BOOST_AUTO_TEST_CASE(a_request_that_is_begun_anew_brings_its_tensors_again) {
  limelight::EngineArgs args;
  args.supervision = {
      .max_failures = 100, .restart_backoff = std::chrono::milliseconds(1), .max_retries = 5};
  Pipeline pipeline(config(), args);
  for (int round = 0; round < 5; ++round) {
    std::vector<GenerateRequest> requests(
        6, {.prompt = "3", .attachments = {rows("offsets", {1, 2, 3})}});
    // Stopped, the rank reads nothing; then it is killed with all that it did not read.
    const int pid = pipeline.omni->rank_pid(1);
    kill(pid, SIGSTOP);
    std::thread killer([&] {
      while (pipeline.omni->status().replicas[1].requests == 0) std::this_thread::yield();
      kill(pid, SIGKILL);
    });
    const auto outputs = pipeline.ask(requests);
    killer.join();
    for (const auto& one : outputs) BOOST_TEST(one.text == "1 3 5 ", one.error.message);
    BOOST_TEST(outputs.front().retries == 1);
  }
}

BOOST_AUTO_TEST_CASE(an_attachment_of_a_config_is_described_completely_or_refused) {
  const Folder folder;
  const auto refused = [&](const std::string& attachment) {
    std::string text = config();
    text.erase(text.find("    - {name: more"));
    const auto file = write_file(folder.path / "c.yaml", text + attachment + "\n");
    const auto parsed = stages::parse(file);
    BOOST_REQUIRE(!parsed.ok());
    return parsed.error().message.substr(file.string().size());
  };
  BOOST_TEST(refused("    - {to: 1, to_port: more, largest_bytes: 1}") ==
             ":17: key 'name': found no such key, expected a name of letters, digits, _ and -");
  BOOST_TEST(refused("    - {name: more, to: 1, to_port: more}") ==
             ":17: key 'largest_bytes': found no such key, expected the bytes of the largest "
             "tensor");
  BOOST_TEST(refused("    - {name: more, to: 7, to_port: more, largest_bytes: 1}") ==
             ":17: key 'to': found stage 7, expected the id of a stage");
  BOOST_TEST(refused("    - {name: more, to: 1, largest_bytes: 1}") ==
             ":17: key 'to_port': found no such key, expected an input of stage 1 (rows with row, "
             "offsets with row, more with row)");
  BOOST_TEST(refused("    - {name: more, to: 1, to_port: rows, largest_bytes: 1}")
                 .find("2 edges or attachments into the input 'rows'") != std::string::npos);
  BOOST_TEST(refused("    - {name: more, to: 1, to_port: more, largest_bytes: 0}")
                 .find("found '0', expected 1 to 4294967296 bytes") != std::string::npos);
}
