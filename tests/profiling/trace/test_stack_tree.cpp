// Call stacks as the trace and flame graphs have them.
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "profiling/trace/stack_tree.hpp"

using namespace limelight::profiling;

BOOST_AUTO_TEST_SUITE(stack_tree)

BOOST_AUTO_TEST_CASE(a_function_has_a_node_for_each_stack_that_it_ends) {
  StackTree tree;
  BOOST_TEST(tree.empty());
  const auto main = tree.callee(StackTree::root, "main"), f = tree.callee(main, "f \"1\""),
             g = tree.callee(f, "g");
  BOOST_TEST(tree.callee(main, "f \"1\"") == f);
  BOOST_TEST(tree.callee(main, "g") != g);
  const std::vector<std::uint32_t> path{main, f, g};
  BOOST_TEST(tree.path(g) == path, boost::test_tools::per_element());
  const auto frames = nlohmann::json::parse(tree.frames_json());
  BOOST_TEST(frames[std::to_string(g)]["name"] == "g");
  BOOST_TEST(frames[std::to_string(g)]["parent"] == std::to_string(f));
  BOOST_TEST(frames[std::to_string(f)]["name"] == "f \"1\"");
  BOOST_TEST(!frames[std::to_string(main)].contains("parent"));
}

BOOST_AUTO_TEST_CASE(folded_text_has_a_line_for_each_stack_with_its_count) {
  StackTree tree;
  const auto main = tree.callee(StackTree::root, "main"), f = tree.callee(main, "f;g");
  for (int i = 0; i < 3; ++i) tree.count(11, f);
  tree.count(12, main);
  BOOST_TEST(tree.folded({{11, "worker"}}) == "worker;main;f:g 3\nthread 12;main 1\n");
}

BOOST_AUTO_TEST_SUITE_END()
