// How devices spent their time, against a look at each nanosecond.
#include <boost/test/unit_test.hpp>
#include <random>
#include <vector>

#include "profiling/analysis/device_time.hpp"

namespace prof = limelight::profiling;

BOOST_AUTO_TEST_SUITE(device_time)

BOOST_AUTO_TEST_CASE(names_tell_what_a_device_does) {
  using Work = prof::DeviceWork;
  for (const auto& [name, work] :
       {std::pair("ncclDevKernel_AllReduce_Sum_f32_RING_LL", Work::communication),
        std::pair("Memcpy HtoD (Pinned -> Device)", Work::memory),
        std::pair("Memset (Device)", Work::memory), std::pair("gemm<float>", Work::computation)})
    BOOST_TEST((prof::device_work_of(name, "kernel") == work), name);
  BOOST_TEST((prof::device_work_of("CopyHostToDevice", "gpu_memcpy") == Work::memory));
}

BOOST_AUTO_TEST_CASE(shares_are_those_of_a_look_at_each_instant) {
  std::mt19937 random(5);
  for (int round = 0; round < 200; ++round) {
    prof::DeviceTime time;
    std::vector<std::vector<bool>> runs(3, std::vector<bool>(100));
    std::int64_t first = 100, last = 0;
    for (unsigned count = 1 + random() % 10; count > 0; --count) {
      const auto kind = random() % 3;
      const auto begin = static_cast<std::int64_t>(random() % 60),
                 end = begin + static_cast<std::int64_t>(random() % 30);
      BOOST_REQUIRE(time.add(4, static_cast<prof::DeviceWork>(kind), begin, end).ok());
      for (auto t = begin; t < end; ++t) runs[kind][static_cast<std::size_t>(t)] = true;
      first = std::min(first, begin);
      last = std::max(last, end);
    }
    prof::DeviceShares expected{.rank = 4, .span_ns = last - first};
    for (std::size_t t = 0; t < 100; ++t) {
      expected.busy_ns += runs[0][t] || runs[1][t] || runs[2][t];
      expected.overlap_ns += runs[0][t] && runs[1][t];
      for (std::size_t kind = 0; kind < 3; ++kind) expected.work_ns[kind] += runs[kind][t];
    }
    std::size_t ranks = 0;
    BOOST_REQUIRE(time.finish([&](const prof::DeviceShares& found) {
                        ++ranks;
                        BOOST_TEST(found.rank == 4);
                        BOOST_TEST(found.span_ns == expected.span_ns);
                        BOOST_TEST(found.busy_ns == expected.busy_ns);
                        BOOST_TEST(found.overlap_ns == expected.overlap_ns);
                        BOOST_TEST(found.work_ns == expected.work_ns,
                                   boost::test_tools::per_element());
                      })
                      .ok());
    BOOST_TEST(ranks == 1u);
  }
}

BOOST_AUTO_TEST_CASE(ranks_have_shares_of_their_own) {
  prof::DeviceTime time;
  for (const int rank : {1, 0, 1})
    BOOST_REQUIRE(time.add(rank, prof::DeviceWork::memory, 10 * rank, 10 * rank + 5).ok());
  std::vector<int> ranks;
  BOOST_REQUIRE(
      time.finish([&](const prof::DeviceShares& one) { ranks.push_back(one.rank); }).ok());
  BOOST_TEST(ranks == (std::vector<int>{0, 1}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_SUITE_END()
