// Work that threads share: everything is done once, in whole grains.
#include <atomic>
#include <boost/test/unit_test.hpp>
#include <mutex>
#include <set>

#include "stages/devices/cpu/work_pool.hpp"

using limelight::stages::WorkPool;

BOOST_AUTO_TEST_SUITE(work_pool)

BOOST_AUTO_TEST_CASE(every_item_is_done_once_whatever_threads_counts_and_grains) {
  for (const int threads : {-1, 0, 1, 2, 3, 7}) {
    WorkPool pool(threads);
    for (const std::size_t count : {0u, 1u, 5u, 16u, 17u, 1000u})
      for (const std::size_t grain : {1u, 4u, 16u, 2000u}) {
        std::vector<std::atomic<int>> done(count);
        std::atomic<bool> aligned = true;
        pool.run(count, grain, [&](std::size_t begin, std::size_t end) {
          if (begin % grain != 0 || (end % grain != 0 && end != count)) aligned = false;
          for (std::size_t i = begin; i < end; ++i) ++done[i];
        });
        BOOST_REQUIRE(aligned);
        for (const auto& times : done) BOOST_REQUIRE(times == 1);
      }
  }
}

BOOST_AUTO_TEST_CASE(all_threads_take_part_and_the_caller_is_one_of_them) {
  WorkPool pool(3);
  std::mutex mutex;
  std::set<std::thread::id> who;
  std::atomic<int> here = 0;
  pool.run(3, 1, [&](std::size_t, std::size_t) {
    {
      const std::lock_guard lock(mutex);
      who.insert(std::this_thread::get_id());
    }
    ++here;
    while (here < 3) std::this_thread::yield();  // each waits for the others
  });
  BOOST_TEST(who.size() == 3u);
  BOOST_TEST(who.contains(std::this_thread::get_id()));
}

BOOST_AUTO_TEST_CASE(pieces_follow_each_other_whether_the_threads_spin_or_sleep) {
  WorkPool pool(2);
  std::atomic<std::size_t> sum = 0;
  for (int piece = 0; piece < 2000; ++piece)
    pool.run(10, 1, [&](std::size_t begin, std::size_t end) { sum += end - begin; });
  BOOST_TEST(sum == 20'000u);
}

BOOST_AUTO_TEST_SUITE_END()
