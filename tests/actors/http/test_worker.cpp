#include <atomic>
#include <boost/test/unit_test.hpp>
#include <future>

#include "actors/http/worker.hpp"

using limelight::http::Worker;

BOOST_AUTO_TEST_SUITE(worker)

BOOST_AUTO_TEST_CASE(all_work_is_done_also_beside_work_that_takes_long) {
  std::atomic<int> done{0};
  {
    std::promise<void> release;
    const auto released = release.get_future().share();
    Worker worker(2);
    worker.post([&, released] {
      released.wait();
      ++done;
    });
    std::promise<void> passed;
    worker.post([&] { passed.set_value(); });
    passed.get_future().wait();
    for (int i = 0; i < 100; ++i) worker.post([&] { ++done; });
    release.set_value();
  }
  BOOST_TEST(done == 101);
}

BOOST_AUTO_TEST_SUITE_END()
