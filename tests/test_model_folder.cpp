// `limelight run --model`, with and without a deploy config, as a user starts it.
#include <signal.h>

#include <boost/test/unit_test.hpp>
#include <condition_variable>
#include <limelight/omni.hpp>
#include <mutex>

#include "tests/run_command.hpp"

using limelight::Health;
using limelight::Omni;
using namespace limelight::tests;
using namespace std::chrono_literals;

namespace {

const std::string model = FIXTURES "/qwen2";
const std::string short_answer = " --prompt Hello --max-tokens 4 --temperature 0 --json";

void finds(const Ran& ran, const std::string& text) {
  BOOST_TEST(ran.output.find(text) != std::string::npos, ran.output << "\nwithout: " << text);
}
std::string answer(const Ran& ran) {
  const auto at = ran.output.find("\"text\"");
  return at == std::string::npos ? "" : ran.output.substr(at, ran.output.find('\n', at) - at);
}

}  // namespace

BOOST_AUTO_TEST_CASE(a_model_s_folder_runs_with_and_without_a_deploy_config) {
  const Folder folder;
  const Ran alone = limelight_command("run --model " + model + short_answer);
  BOOST_TEST(alone.code == 0, alone.output);
  const auto deploy = write_file(folder.path / "deploy.yaml",
                                 "stages:\n"
                                 "  - stage_id: 0\n"
                                 "    num_replicas: 2\n"
                                 "    max_model_len: 64\n"
                                 "    moe_backend: triton\n"
                                 "    enforce_eager: true\n"
                                 "    env: {LIMELIGHT_TEST_OF_ENV: \"1\"}\n");
  const Ran deployed = limelight_command("run --model " + model + " --deploy-config " +
                                         deploy.string() + short_answer);
  BOOST_TEST(deployed.code == 0, deployed.output);
  finds(deployed,
        "keys of the deploy config that mean nothing here are ignored: moe_backend, "
        "enforce_eager\n");
  BOOST_TEST(answer(alone) == answer(deployed));
  BOOST_TEST(!answer(alone).empty());
  const Ran gguf = limelight_command("run --model " FIXTURES "/gguf/model.gguf" + short_answer);
  BOOST_TEST(gguf.code == 0, gguf.output);
}

BOOST_AUTO_TEST_CASE(check_prints_the_pipeline_and_starts_nothing) {
  const Folder folder;
  const auto deploy = write_file(folder.path / "d.yaml",
                                 "stages: [{stage_id: 0, max_num_seqs: 8, moe_backend: triton}]\n");
  const Ran ran = limelight_command("run --model " + model + " --deploy-config " + deploy.string() +
                                    " --check");
  BOOST_TEST(ran.code == 0, ran.output);
  finds(ran, "1 stage, 1 rank, 8 requests in the pipeline at one time\n");
  finds(ran, "stage 0: thinker on cpu, 1 replica of 1 rank, 8 requests");
  finds(ran, "ignored: moe_backend (experts are computed in one way)\n");
  finds(ran, "as a stage config:\nstage_args:\n  - stage_id: 0\n");
  const Ran shipped =
      limelight_command("run --config " + (configs / "omni_tiny.yaml").string() + " --check");
  BOOST_TEST(shipped.code == 0, shipped.output);
  finds(shipped, "stage 2: code2wav");
}

BOOST_AUTO_TEST_CASE(wrong_arguments_end_with_two_and_say_what_is_wrong) {
  const Folder folder;
  const auto deploy = write_file(folder.path / "d.yaml", "pipeline: bagel\nstages: []\n");
  const std::string shipped = (configs / "omni_tiny.yaml").string();
  const std::pair<std::string, std::string> cases[] = {
      {"--model " + model, "--prompt or --prompts"},
      {"--model /none/there --prompt a", "/none/there: found nothing, expected a model"},
      {"--model '' --prompt a", "--model: found an empty text"},
      {"--deploy-config " + deploy.string() + " --prompt a",
       "d.yaml:1: model bagel is not supported; expected "},
      {"--config " + deploy.string() + " --prompt a", "found a deploy config of vLLM-Omni"},
      {"--config " + shipped + " --model " + model + " --prompt a",
       "found a stage config beside --model"},
      {"--stage-overrides '{}' --prompt a", "--stage-overrides: found no --model"},
      {"--model " + model + " --stage-overrides '{\"0\": {\"max_seqs\": 1}}' --prompt a",
       "--stage-overrides: key 'max_seqs': found an unknown key"},
      {"--model " + model + " --deploy-config /none.yaml --check", "/none.yaml: cannot read"},
  };
  for (const auto& [arguments, expected] : cases) {
    const Ran ran = limelight_command("run " + arguments);
    BOOST_TEST(ran.code == 2, arguments << "\n" << ran.output);
    finds(ran, expected);
  }
}

// Must come last: it uses the broker in this process.
BOOST_AUTO_TEST_CASE(a_rank_has_its_stage_s_variables_and_the_config_that_the_run_began_with) {
  const Folder folder;
  const auto deploy = write_file(folder.path / "deploy.yaml",
                                 "stages:\n"
                                 "  - stage_id: 0\n"
                                 "    env: {LIMELIGHT_TEST_OF_ENV: \"one two\"}\n"
                                 "    default_sampling_params: {temperature: 0, max_tokens: 4}\n");
  std::mutex mutex;
  std::condition_variable changed;
  bool again = false;
  auto omni = Omni::from_engine_args({.flight_recorder = 0ms,
                                      .on_status =
                                          [&](const limelight::PipelineStatus& status) {
                                            const std::lock_guard lock(mutex);
                                            for (const auto& one : status.replicas)
                                              again = one.restarts > 0;
                                            again = again && status.health == Health::running;
                                            changed.notify_all();
                                          },
                                      .model = model,
                                      .deploy_config = deploy});
  if (!omni) BOOST_FAIL(omni.error().message);
  const std::string environment =
      read_file("/proc/" + std::to_string((*omni)->rank_pid(0)) + "/environ");
  BOOST_TEST(environment.find("LIMELIGHT_TEST_OF_ENV=one two") != std::string::npos);
  const auto before = (*omni)->generate({"Hello"});
  BOOST_REQUIRE(before.size() == 1u);
  BOOST_TEST(before[0].error.message == "");
  // The rank that is started again does not read the file, which says something else by now.
  write_file(deploy, "stages: [{stage_id: 0, quantization: fp8}]\n");
  kill((*omni)->rank_pid(0), SIGKILL);
  {
    std::unique_lock lock(mutex);
    BOOST_REQUIRE(changed.wait_for(lock, 60s, [&] { return again; }));
  }
  const auto after = (*omni)->generate({"Hello"});
  BOOST_TEST(after[0].error.message == "");
  BOOST_TEST(after[0].text == before[0].text);
}
