// Stacks of threads that compute: that they are found, and that those who sleep are left alone.
#include <sys/syscall.h>
#include <unistd.h>

#include <atomic>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <csignal>
#include <ctime>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "profiling/capture/stack_sampler.hpp"
#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::profiling;
using namespace std::chrono_literals;

namespace {
std::atomic<bool> go_on{true};

double thread_seconds() {
  timespec used{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &used);
  return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
}
}  // namespace

// Names that a stack is to have.
[[gnu::noinline]] double inner_work_of_the_test(double x) {
  for (int i = 0; i < 1000; ++i) x = x * 0.999 + i;
  return x;
}
[[gnu::noinline]] double outer_work_of_the_test() {
  double x = 0;
  while (go_on) x += inner_work_of_the_test(x);
  return x;
}

BOOST_AUTO_TEST_SUITE(stack_sampler)

BOOST_AUTO_TEST_CASE(a_thread_that_computes_is_found_in_its_functions) {
  auto started = StackSampler::start();
  if (!started) BOOST_FAIL(started.error().message);
  StackSampler& sampler = **started;
  go_on = true;
  std::promise<int> id;
  double seconds = 0;
  std::thread worker([&] {
    id.set_value(static_cast<int>(syscall(SYS_gettid)));
    BOOST_TEST(outer_work_of_the_test() != 0.0);
    seconds = thread_seconds();
  });
  const int thread_id = id.get_future().get();
  sampler.follow_threads();
  std::size_t samples = 0, nested = 0;
  const auto drain = [&] {
    StackSampler::drain([&](const StackSample& sample) {
      if (sample.thread_id != thread_id) return;
      ++samples;
      std::vector<std::string> names;
      for (const std::uintptr_t address : sample.callers)
        names.push_back(sampler.function_at(address).name);
      for (std::size_t i = 0; i + 1 < names.size(); ++i)
        nested += names[i].starts_with("inner_work_of_the_test") &&
                  names[i + 1].starts_with("outer_work_of_the_test");
    });
  };
  for (int tries = 0; samples < 100 && tries < 5000; ++tries) {
    std::this_thread::sleep_for(2ms);  // for what the other thread does meanwhile
    drain();
  }
  go_on = false;
  worker.join();
  drain();
  BOOST_TEST(samples >= 100u);
  if (tests::signals_come_at_once) BOOST_TEST(nested > samples / 2);
  BOOST_TEST(sampler.drops() == 0u);
  // A thousand in a second of CPU time, or what the kernel's ticks allow.
  BOOST_TEST(static_cast<double>(samples) <= 1100 * seconds + 5);
  BOOST_TEST(sampler.handler_ticks() > 0u);
}

// A signal comes also in malloc() of a thread that has just begun.
BOOST_AUTO_TEST_CASE(threads_that_allocate_are_sampled_and_go_on) {
  auto started = StackSampler::start();
  if (!started) BOOST_FAIL(started.error().message);
  StackSampler& sampler = **started;
  std::size_t samples = 0;
  const auto drain = [&] { StackSampler::drain([&](const StackSample&) { ++samples; }); };
  for (int round = 0; round < 10; ++round) {
    std::atomic<int> begun = 0, ended = 0;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&] {
        ++begun;
        while (thread_seconds() < 0.02) {
          std::vector<std::unique_ptr<std::string>> held;
          for (std::size_t size = 1; size < 3000; size += 7)
            held.push_back(std::make_unique<std::string>(size, 'x'));
        }
        ++ended;
      });
    while (begun < 4) std::this_thread::yield();
    sampler.follow_threads();
    while (ended < 4) {
      std::this_thread::sleep_for(1ms);
      drain();
    }
    for (std::thread& thread : threads) thread.join();
  }
  drain();
  BOOST_TEST(samples > 0u);
}

BOOST_AUTO_TEST_CASE(who_sleeps_is_not_woken) {
  std::promise<void> sleeping;
  int result = -1;
  std::thread sleeper([&] {
    sleeping.set_value();
    const timespec time{0, 50'000'000};
    result = nanosleep(&time, nullptr);
  });
  sleeping.get_future().get();
  auto started = StackSampler::start();
  BOOST_REQUIRE(started.ok());
  (*started)->follow_threads();
  sleeper.join();
  BOOST_TEST(result == 0);
}

BOOST_AUTO_TEST_CASE(a_signal_that_comes_late_harms_nobody) {
  { BOOST_REQUIRE(StackSampler::start().ok()); }
  BOOST_TEST(raise(SIGPROF) == 0);
}

BOOST_AUTO_TEST_SUITE_END()
