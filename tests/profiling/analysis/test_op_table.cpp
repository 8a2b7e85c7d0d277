// The table of operations.
#include <boost/test/unit_test.hpp>

#include "profiling/analysis/op_table.hpp"

using limelight::profiling::op_table;

BOOST_AUTO_TEST_SUITE(op_table_text)

BOOST_AUTO_TEST_CASE(rows_of_one_name_are_added_up_and_the_largest_self_time_is_first) {
  const std::string table = op_table({{"small", 1, 2'000'000, 1'000'000},
                                      {"large", 2, 4'000'000, 2'000'000},
                                      {"large", 2, 2'000'000, 1'000'000}});
  BOOST_TEST(table.starts_with("Name "), table);
  BOOST_TEST(table.find("Self CPU %") != std::string::npos);
  const auto large = table.find("\nlarge"), small = table.find("\nsmall");
  BOOST_REQUIRE(large != std::string::npos);
  BOOST_REQUIRE(small != std::string::npos);
  BOOST_TEST(large < small);
  BOOST_TEST(table.rfind("large") == large + 1);
  const std::string row = table.substr(large + 1, small - large - 1);
  for (const char* part : {" 75.00%", " 3.000ms", " 6.000ms", " 1500.000us"})
    BOOST_TEST(row.find(part) != std::string::npos, row);
  BOOST_TEST(row.ends_with(" 4"), row);
}

// Such as those of kernels that are templates.
BOOST_AUTO_TEST_CASE(a_name_of_any_length_keeps_its_row_whole) {
  const std::string name(1000, 'n'), table = op_table({{name, 17, 2, 2}, {"next", 1, 1, 1}});
  BOOST_TEST(table.find("\n" + name + " ") != std::string::npos);
  BOOST_TEST(table.find(" 17\nnext ") != std::string::npos, table);
}

BOOST_AUTO_TEST_CASE(waiting_is_no_cpu_time_and_shares_are_of_work_alone) {
  const std::string table =
      op_table({{"wait.chunk", 3, 9'000'000, 9'000'000}, {"work", 1, 1'000'000, 1'000'000}});
  const auto row = [&](const char* name) {
    const auto at = table.find(std::string("\n") + name) + 1;
    return table.substr(at, table.find('\n', at) - at);
  };
  BOOST_TEST(row("work").find(" 100.00%") != std::string::npos, table);
  BOOST_TEST(row("wait.chunk").find(" 0.00%") != std::string::npos, table);
  BOOST_TEST(row("wait.chunk").find(" 9.000ms") != std::string::npos, table);
  BOOST_TEST(row("wait.chunk").find("100.00%") == std::string::npos, table);
}

BOOST_AUTO_TEST_CASE(shown_shares_add_up_to_a_hundred) {
  using limelight::profiling::percentages;
  for (const std::vector<std::int64_t>& parts : {std::vector<std::int64_t>{1, 1, 1},
                                                 {7, 11, 13, 17, 0},
                                                 {INT64_MAX, INT64_MAX, 1},
                                                 std::vector<std::int64_t>(401, 3)}) {
    std::int64_t sum = 0;
    for (const std::int64_t share : percentages(parts)) {
      BOOST_TEST(share >= 0);
      sum += share;
    }
    BOOST_TEST(sum == 10'000);
  }
  BOOST_TEST(percentages({0, 0}) == (std::vector<std::int64_t>{0, 0}),
             boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_table_of_nothing_has_its_head_alone) {
  const std::string table = op_table({});
  BOOST_TEST(table.starts_with("Name "));
  BOOST_TEST(table.find('\n') == table.size() - 1);
  BOOST_TEST(op_table({{"none", 0, 0, 0}}).find("none") != std::string::npos);  // no calls
}

BOOST_AUTO_TEST_CASE(products_have_their_rates_and_their_share_of_the_peak) {
  using limelight::profiling::cpu_table;
  const std::string table = cpu_table({{.name = "linear",
                                        .calls = 2,
                                        .self_ns = 2'000'000,
                                        .total_ns = 2'000'000,
                                        .flops = 40'000'000,
                                        .bytes_moved = 6'000'000,
                                        .product_ns = 2'000'000,
                                        .peak_ns = 500'000,
                                        .of_peak_ns = 2'000'000},
                                       {.name = "other", .calls = 1, .self_ns = 1}});
  for (const char* column : {"GFLOPs", "GFLOP/s", "GB/s", "% of peak"})
    BOOST_TEST(table.find(column) != std::string::npos, table);
  const auto row = table.substr(table.find("\nlinear"));
  for (const char* value : {" 0.040 ", " 20.000 ", " 3.000 ", " 25.000 "})
    BOOST_TEST(row.find(value) != std::string::npos, row);
  BOOST_TEST(cpu_table({{.name = "other", .calls = 1, .self_ns = 1}}).find("GFLOP") ==
             std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
