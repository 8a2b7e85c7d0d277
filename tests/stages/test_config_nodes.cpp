// Configs that place stages on other machines, and those that do it wrongly.
#include <boost/test/unit_test.hpp>
#include <limelight/config.hpp>

#include "tests/support.hpp"

using namespace limelight::tests;
using limelight::ErrorCode;

namespace {

limelight::Result<limelight::stages::PipelineConfig> config_with(const Folder& folder,
                                                                 const std::string& nodes,
                                                                 const std::string& node) {
  std::string text = read_file(std::filesystem::path(CONFIG_DIR) / "omni_tiny.yaml");
  const auto put = [&](const std::string& after, const std::string& line) {
    const auto at = text.find(after);
    BOOST_REQUIRE(at != std::string::npos);
    text.insert(at + after.size(), line);
  };
  if (!nodes.empty()) put("  enabled: true\n", "  nodes: " + nodes + "\n");
  if (!node.empty()) put("  - stage_id: 1\n", "    num_replicas: 2\n    node: " + node + "\n");
  return limelight::stages::parse(write_file(folder.path / "config.yaml", text));
}
std::string refusal(const std::string& nodes, const std::string& node) {
  const Folder folder;
  const auto config = config_with(folder, nodes, node);
  BOOST_TEST((config.error().code == ErrorCode::invalid_argument));
  const std::string& text = config.error().message;
  return text.substr(text.find("key "));
}
const std::string table = "{gpu2: \"10.0.0.2:7420\", gpu-3: \"[fd00::3]:1\"}";

}  // namespace

BOOST_AUTO_TEST_CASE(a_stage_has_one_node_or_one_for_each_replica) {
  const Folder folder;
  const auto all = config_with(folder, table, "gpu2");
  if (!all) BOOST_FAIL(all.error().message);
  BOOST_TEST(all->nodes.at("gpu-3") == "[fd00::3]:1");
  BOOST_TEST(all->node_of(1, 0) == "gpu2");
  BOOST_TEST(all->node_of(1, 1) == "gpu2");
  BOOST_TEST(all->node_of(1, 2) == "");
  BOOST_TEST(all->node_of(0, 0) == "");
  const auto each = config_with(folder, table, "[here, gpu-3]");
  if (!each) BOOST_FAIL(each.error().message);
  BOOST_TEST(each->node_of(1, 0) == "");
  BOOST_TEST(each->node_of(1, 1) == "gpu-3");
  BOOST_TEST(config_with(folder, table, "")->placement.empty());
}

BOOST_AUTO_TEST_CASE(what_cannot_be_placed_is_refused_by_name) {
  BOOST_TEST(refusal(table, "gpu4") ==
             "key 'node': found 'gpu4', expected one of here, gpu-3, gpu2 (runtime.nodes)");
  BOOST_TEST(refusal(table, "auto") ==
             "key 'node': found 'auto', expected the name of a node: placing by free memory is not "
             "there yet");
  BOOST_TEST(refusal(table, "[here]") ==
             "key 'node': found 1 names, expected one for each of the 2 replicas, or one name for "
             "all");
  BOOST_TEST(
      refusal("{here: \"a:1\"}", "").starts_with("key 'nodes': found 'here', expected a name"));
  BOOST_TEST(refusal("{a: \"a:0\"}", "").starts_with("key 'a': found 'a:0', expected HOST:PORT"));
  BOOST_TEST(refusal("{a: 10.0.0.2}", "").starts_with("key 'a': found '10.0.0.2', expected"));
  BOOST_TEST(refusal("[a]", "").starts_with("key 'nodes': found a list, expected a map"));
}
