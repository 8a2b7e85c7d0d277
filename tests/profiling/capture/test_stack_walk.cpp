#include <dlfcn.h>
#include <signal.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <cstdint>

#include "profiling/capture/stack_walk.hpp"
#include "profiling/capture/unwind_library.hpp"

using namespace limelight::profiling;

namespace {
std::array<std::uintptr_t, 64> addresses;
int count = 0;
void on_signal(int) { count = walk_stack(addresses.data(), static_cast<int>(addresses.size())); }
}  // namespace

[[gnu::noinline]] int outer_caller_of_the_test() {
  raise(SIGUSR1);
  return count;  // so that the call above is none in tail position
}

BOOST_AUTO_TEST_SUITE(stack_walk)

BOOST_AUTO_TEST_CASE(a_walk_in_a_signal_handler_goes_on_below_the_signal) {
  prepare_stack_walk();
  const auto names = UnwindLibrary::get();
  if (!names) BOOST_FAIL(names.error().message);
  const auto before = signal(SIGUSR1, on_signal);
  BOOST_REQUIRE(outer_caller_of_the_test() > 3);
  signal(SIGUSR1, before);
  bool found = false;
  for (int i = 0; i < count; ++i)
    found |= (*names)
                 ->function_at(addresses[static_cast<std::size_t>(i)] - 1)
                 .name.starts_with("outer_caller_of_the_test");
  BOOST_TEST(found);
}

BOOST_AUTO_TEST_CASE(no_more_is_written_than_asked_for) {
  std::array<std::uintptr_t, 4> few{};
  BOOST_TEST(walk_stack(few.data(), 2) == 2);
  BOOST_TEST(few[1] != 0u);
  BOOST_TEST(few[2] == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
