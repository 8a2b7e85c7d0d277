// Which channels go from one machine to another, and what each machine calls the run.
#include <boost/test/unit_test.hpp>
#include <map>

#include "actors/pipeline/placement.hpp"
#include "actors/pipeline/pools.hpp"

using namespace limelight;
using namespace limelight::actors;

namespace {

stages::PipelineConfig tiny() {
  auto config = stages::parse(CONFIG_DIR "/omni_tiny.yaml");
  if (!config) BOOST_FAIL(config.error().message);
  config->nodes = {{"a", "10.0.0.1:1"}, {"b", "10.0.0.2:1"}};
  return *config;
}

}  // namespace

BOOST_AUTO_TEST_CASE(nothing_crosses_on_one_machine) {
  auto config = tiny();
  BOOST_TEST(crossings(config).empty());
  BOOST_TEST(nodes_in_use(config).empty());
  config.placement = {{0, {"a"}}, {1, {"a"}}, {2, {"a"}}};
  BOOST_TEST(crossings(config).size() == 2u);
  // All on one other machine: only what goes to the user.
  for (const Crossing& one : crossings(config)) {
    BOOST_TEST(one.from == "a");
    BOOST_TEST(one.to == "");
    BOOST_TEST(one.reader.stage == -1);
  }
}

BOOST_AUTO_TEST_CASE(a_channel_crosses_where_its_ends_are_on_two_machines) {
  auto config = tiny();
  config.placement = {{1, {"b"}}, {2, {"a"}}};
  std::map<std::string, Crossing> all;
  for (const Crossing& one : crossings(config)) all[one.topic] = one;
  BOOST_REQUIRE(all.size() == 3u);
  const Crossing& hidden = all.at(".0-0.1-0.0");
  BOOST_TEST(hidden.from == "");
  BOOST_TEST(hidden.to == "b");
  BOOST_TEST(hidden.window == 16u);
  BOOST_TEST(hidden.max_bytes >= 640 * sizeof(float));
  BOOST_TEST(hidden.reader.stage == 1);
  BOOST_TEST(all.at(".1-0.2-0.0").from == "b");
  BOOST_TEST(all.at(".1-0.2-0.0").to == "a");
  BOOST_TEST(all.at(".2-0.user").to == "");
  BOOST_TEST((nodes_in_use(config) == std::vector<std::string>{"a", "b"}));
  BOOST_TEST(node_of_rank(config, 0) == "");
  BOOST_TEST(node_of_rank(config, 1) == "b");
  BOOST_TEST(node_of_rank(config, 2) == "a");
  BOOST_TEST(node_of_rank(config, 3) == "");
}

BOOST_AUTO_TEST_CASE(each_machine_has_a_name_of_its_own_for_the_run) {
  const auto config = tiny();
  BOOST_TEST(run_on(config, "17-1-5", "") == "17-1-5");
  BOOST_TEST(run_on(config, "17-1-5", "a") == "17-1-5_1");
  BOOST_TEST(run_on(config, "17-1-5", "b") == "17-1-5_2");
  BOOST_TEST(run_of_all("17-1-5_2") == "17-1-5");
  BOOST_TEST(run_of_all("17-1-5") == "17-1-5");
}

BOOST_AUTO_TEST_CASE(a_channel_that_crosses_has_chunks_at_both_ends) {
  auto config = tiny();
  const auto count = [&] {
    std::uint64_t chunks = 0;
    for (const auto& pool : pools_for(config)) chunks += pool.chunks;
    return chunks;
  };
  const auto before = count();
  config.placement = {{1, {"b"}}};
  BOOST_TEST(count() > before);
}
