// Plots as a browser reads them: well-formed, with every point in its place.
#include <boost/property_tree/ptree.hpp>
#include <boost/property_tree/xml_parser.hpp>
#include <boost/test/unit_test.hpp>
#include <limits>
#include <sstream>

#include "bench/plot.hpp"

using namespace limelight::bench;

namespace {

boost::property_tree::ptree parsed(const std::string& svg) {
  std::istringstream in(svg);
  boost::property_tree::ptree tree;
  read_xml(in, tree);
  return tree.get_child("svg");
}
std::vector<std::pair<double, double>> circles(const std::string& svg) {
  std::vector<std::pair<double, double>> all;
  for (const auto& [name, node] : parsed(svg))
    if (name == "circle")
      all.emplace_back(node.get<double>("<xmlattr>.cx"), node.get<double>("<xmlattr>.cy"));
  return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(plot)

BOOST_AUTO_TEST_CASE(on_logarithmic_axes_a_factor_is_a_distance) {
  const std::string svg = to_svg(LinePlot{.title = "a < b & \"c\"",
                                          .x_label = "ranks",
                                          .y_label = "ms",
                                          .log_x = true,
                                          .log_y = true,
                                          .lines = {{"x", {{1, 1}, {10, 10}, {100, 100}}}}});
  const auto at = circles(svg);
  BOOST_REQUIRE(at.size() == 3u);
  BOOST_TEST(at[1].first - at[0].first == at[2].first - at[1].first,
             boost::test_tools::tolerance(0.01));
  BOOST_TEST(at[0].second - at[1].second == at[1].second - at[2].second,
             boost::test_tools::tolerance(0.01));
  BOOST_TEST(at[0].second > at[2].second);  // more is higher
  BOOST_TEST(parsed(svg).get<std::string>("title") == "a < b & \"c\"");
}

BOOST_AUTO_TEST_CASE(what_an_axis_cannot_show_is_left_out) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto at = circles(
      to_svg(LinePlot{.title = "t",
                      .x_label = "x",
                      .y_label = "y",
                      .log_y = true,
                      .lines = {{"some", {{0, 0}, {1, -2}, {2, nan}, {3, 5}}}, {"none", {}}}}));
  BOOST_TEST(at.size() == 1u);
}

BOOST_AUTO_TEST_CASE(bars_are_as_long_as_their_values) {
  const std::string svg = to_svg(BarPlot{
      .title = "t", .unit = "us", .bars = {{"ours", 2}, {"theirs", 8, false}, {"nothing", 0}}});
  std::vector<double> widths;
  for (const auto& [name, node] : parsed(svg))
    if (name == "rect" && node.get_optional<double>("<xmlattr>.x"))
      widths.push_back(node.get<double>("<xmlattr>.width"));
  BOOST_REQUIRE(widths.size() == 3u);
  BOOST_TEST(widths[1] == 4 * widths[0], boost::test_tools::tolerance(0.001));
  BOOST_TEST(widths[2] == 0);
}

BOOST_AUTO_TEST_SUITE_END()
