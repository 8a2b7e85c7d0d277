// The stage config as a whole. Its stages and its graph: test_config_stage.cpp,
// test_config_graph.cpp.
#include <boost/test/unit_test.hpp>
#include <limelight/config.hpp>

#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::tests;

BOOST_AUTO_TEST_SUITE(config)

BOOST_AUTO_TEST_CASE(ranks_count_up_over_the_stages_of_a_shipped_config) {
  const auto config = stages::parse(CONFIG_DIR "/omni_tiny_tp2.yaml");
  if (!config) BOOST_FAIL(config.error().message);
  BOOST_TEST(config->world_size() == 4);
  const int first[] = {0, 2, 3};
  for (const int stage : {0, 1, 2}) BOOST_TEST(config->first_rank(stage) == first[stage]);
  const int stage_of[] = {0, 0, 1, 2};
  for (const int rank : {0, 1, 2, 3})
    BOOST_TEST(config->stage_of(rank)->stage_id == stage_of[rank]);
  BOOST_TEST((config->stage_of(4) == nullptr));
  BOOST_TEST((config->stage_of(-1) == nullptr));
  BOOST_TEST((config->find(3) == nullptr));
  BOOST_TEST(config->find(1)->model_stage == "talker");
  BOOST_TEST(config->edges.size() == 2u);
  BOOST_TEST(config->find(0)->sampling.seed.value() == 42u);
}

BOOST_AUTO_TEST_CASE(whole_numbers_are_decimal_and_in_range) {
  const Folder folder;
  const std::string text = read_file(CONFIG_DIR "/omni_tiny.yaml"), old = "weights_seed: 1";
  const auto with = [&](const std::string& value) {
    std::string changed = text;
    changed.replace(changed.find(old), old.size(), "weights_seed: " + value);
    return stages::parse(write_file(folder.path / "changed.yaml", changed));
  };
  BOOST_TEST(with("18446744073709551615").ok());
  for (const char* wrong : {"-1", "010", "0x10", "1e3", "1.0", "18446744073709551616", "' 1'"})
    BOOST_TEST(with(wrong).error().message.find("key 'weights_seed': found '") != std::string::npos,
               wrong);
}

BOOST_AUTO_TEST_CASE(what_is_no_config_is_refused_with_its_file) {
  const Folder folder;
  const auto none = stages::parse(folder.path / "none.yaml");
  BOOST_REQUIRE(!none.ok());
  BOOST_TEST((none.error().code == ErrorCode::not_found));
  for (const char* text :
       {"", "- 1", "stage_args: 3", "stage_args: []", "a: [", "stage_args: [{}]", "other: 1"}) {
    const auto path = write_file(folder.path / "bad.yaml", text);
    const auto refused = stages::parse(path);
    BOOST_REQUIRE_MESSAGE(!refused.ok(), text);
    BOOST_TEST((refused.error().code == ErrorCode::invalid_argument), text);
    BOOST_TEST(refused.error().message.find(path.string()) != std::string::npos,
               refused.error().message);
  }
}

BOOST_AUTO_TEST_SUITE_END()
