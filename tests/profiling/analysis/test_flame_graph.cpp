// Time by stack, in bounded memory.
#include <boost/test/unit_test.hpp>

#include "profiling/analysis/flame_graph.hpp"

namespace prof = limelight::profiling;

BOOST_AUTO_TEST_SUITE(flame_graph)

BOOST_AUTO_TEST_CASE(a_stack_has_one_node_whatever_the_order) {
  prof::FlameGraph graph(0);
  const auto rank = graph.child(0, 5), step = graph.child(rank, 6);
  graph.add(graph.child(step, 7), 10);
  graph.add(graph.child(rank, 7), 1);  // another stack
  graph.add(graph.child(step, 7), 20);
  BOOST_TEST(graph.entries().size() == 5u);
  const auto& both = graph.entries()[graph.child(step, 7)];
  BOOST_TEST(both.self_ns == 30);
  BOOST_TEST(both.calls == 2u);
  BOOST_TEST(both.parent == step);
}

BOOST_AUTO_TEST_CASE(no_time_is_lost_where_stacks_find_no_place) {
  prof::FlameGraph graph(0);
  constexpr std::uint32_t stacks = 100'000;
  for (std::uint32_t i = 0; i < stacks; ++i)
    graph.add(graph.child(graph.child(0, 1 + i % 10), 20 + i), 1);
  BOOST_TEST(graph.entries().size() <= prof::FlameGraph::most_nodes * 3 / 2);
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < graph.entries().size(); ++i) {
    sum += graph.entries()[i].self_ns;
    BOOST_TEST_REQUIRE((i == 0 || graph.entries()[i].parent < i));
  }
  BOOST_TEST(sum == stacks);
}

BOOST_AUTO_TEST_CASE(an_endless_recursion_ends) {
  prof::FlameGraph graph(0);
  prof::FlameGraph::Node node = 0;
  for (int i = 0; i < 10'000; ++i) graph.add(node = graph.child(node, 3), 1);
  BOOST_TEST(graph.entries().size() <= prof::FlameGraph::most_depth + 1u);
}

BOOST_AUTO_TEST_SUITE_END()
