// How the stages of a config are joined.
#include <boost/test/unit_test.hpp>
#include <limelight/config.hpp>

#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::tests;

BOOST_AUTO_TEST_SUITE(config_graph)

BOOST_AUTO_TEST_CASE(stages_stand_in_the_order_of_the_flow_whatever_that_of_the_file) {
  const Folder folder;
  std::string text = read_file(CONFIG_DIR "/omni_tiny.yaml");
  const auto first = text.find("  - stage_id: 0"), second = text.find("  - stage_id: 1"),
             third = text.find("  - stage_id: 2");
  BOOST_REQUIRE(third != std::string::npos);
  const std::string moved = text.substr(first, second - first);
  text.insert(third, moved).erase(first, second - first);
  const auto config = stages::parse(write_file(folder.path / "moved.yaml", text));
  if (!config) BOOST_FAIL(config.error().message);
  for (const int stage : {0, 1, 2})
    BOOST_TEST(config->stages[static_cast<std::size_t>(stage)].stage_id == stage);
}

BOOST_AUTO_TEST_CASE(edges_find_their_ports_and_outputs_that_nobody_reads_are_known) {
  const auto config = stages::parse(CONFIG_DIR "/omni_tiny.yaml");
  if (!config) BOOST_FAIL(config.error().message);
  BOOST_TEST(config->edges[0].output == 1);  // hidden
  BOOST_TEST(config->edges[0].input == 0);
  BOOST_TEST(config->find(0)->user_output == 0);  // text
  BOOST_TEST(config->find(0)->reads(1));
  BOOST_TEST(config->find(1)->user_output == -1);
  const Folder folder;
  std::string text = read_file(CONFIG_DIR "/omni_tiny.yaml");
  const auto first = text.find("    final_output: true");
  BOOST_REQUIRE(first != std::string::npos);
  text.replace(first, 22, "    final_output: false");
  const auto silent = stages::parse(write_file(folder.path / "silent.yaml", text));
  if (!silent) BOOST_FAIL(silent.error().message);
  BOOST_TEST(!silent->find(0)->reads(0));
}

BOOST_AUTO_TEST_CASE(a_graph_that_cannot_be_is_refused_by_its_ports) {
  const Folder folder;
  const auto refused = [&](const std::string& from, const std::string& to) {
    std::string text = read_file(CONFIG_DIR "/omni_tiny.yaml");
    const auto at = text.find(from);
    BOOST_REQUIRE_MESSAGE(at != std::string::npos, from);
    text.replace(at, from.size(), to);
    const auto path = write_file(folder.path / "bad.yaml", text);
    const auto config = stages::parse(path);
    BOOST_REQUIRE_MESSAGE(!config.ok(), to);
    BOOST_TEST(config.error().message.starts_with(path.string() + ":"), config.error().message);
    return config.error().message;
  };
  const auto says = [&](const std::string& message, const std::string& what) {
    BOOST_TEST(message.find(what) != std::string::npos, message);
  };
  says(refused("{from: 0, to: 1", "{from: 0, to: 2"),
       "0 ways to join stage 0 (thinker: text, hidden with hidden_states, tokens) to stage 2 "
       "(code2wav: "
       "codes), expected an output and an input that carry the same");
  says(refused("{from: 0, to: 1", "{from_port: text, from: 0, to: 1"), "0 ways to join");
  says(refused("{from: 0, to: 1", "{to_port: nothing, from: 0, to: 1"), "0 ways to join");
  says(refused("final_output_type: text", "final_output_type: audio"),
       "key 'final_output_type': found 'audio' for a thinker (text, hidden with hidden_states, "
       "tokens)");
  says(refused("model_stage: talker", "model_stage: singer"),
       "key 'model_stage': found 'singer', expected one of code2wav, talker, thinker");
  says(refused("input_hidden: 640", "input_hidden: 64"),
       "key 'input_hidden': found 64, expected 640");
  says(refused("max_inflight: 4", "max_inflight: 4}\n  supervision: {max_retries: -1"),
       "key 'max_retries': found '-1', expected 0 to 100");
  says(refused("  - stage_id: 1\n", "  - stage_id: 1\n    num_replicas: 65\n"),
       "key 'num_replicas': found '65', expected a whole number from 1 to 64");
}

BOOST_AUTO_TEST_CASE(what_iceoryx_cannot_hold_is_refused_with_the_limit) {
  const Folder folder;
  const auto with = [&](const std::vector<std::pair<std::string, std::string>>& changes) {
    std::string text = read_file(CONFIG_DIR "/omni_tiny.yaml");
    for (const auto& [from, to] : changes) text.replace(text.find(from), from.size(), to);
    return stages::parse(write_file(folder.path / "large.yaml", text));
  };
  const auto replicas = [](int stage, int count) {
    const std::string at = "  - stage_id: " + std::to_string(stage) + "\n";
    return std::pair(at, at + "    num_replicas: " + std::to_string(count) + "\n");
  };
  const auto says = [](const auto& config, const std::string& what) {
    BOOST_REQUIRE(!config.ok());
    BOOST_TEST(config.error().message.find(what) != std::string::npos, config.error().message);
  };
  // As many as there may be: 32 channels into a stage.
  const auto largest = with({replicas(0, 1), replicas(1, 32)});
  if (!largest) BOOST_FAIL(largest.error().message);
  BOOST_TEST(largest->world_size() == 34);
  BOOST_TEST(largest->replicas().back().first_rank == 33);
  BOOST_TEST(largest->replica_of(32)->index == 31);
  says(with({replicas(1, 33)}),
       "found 33 channels into stage 2, one for each edge and replica of "
       "its source, and each attachment, expected at most 32");
  says(with({replicas(0, 16), replicas(1, 32)}),
       "found 561 channels, one for each edge between two replicas, attachment and final output, "
       "expected at most 506: iceoryx has no more publishers");
  says(with({replicas(0, 19),
             {"model_stage: thinker", "model_stage: thinker\n      tensor_parallel_size: 16"}}),
       "kv_heads");  // the shape has four
  says(with({replicas(0, 64),
             {"model_stage: thinker", "model_stage: thinker\n      tensor_parallel_size: 4"},
             replicas(1, 64)}),
       "found 321 ranks (stages, num_replicas, tensor_parallel_size), expected at most 295: "
       "iceoryx attaches no more processes to its broker");
}

BOOST_AUTO_TEST_SUITE_END()
