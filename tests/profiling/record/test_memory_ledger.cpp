// Who has how much memory, what was the most of it, and what is said where there is no more.
#include <boost/test/unit_test.hpp>

#include "profiling/record/memory_ledger.hpp"

using namespace limelight::profiling;

namespace {
constexpr MemorySpace host = MemorySpace::host;
std::uint64_t held(MemoryHolder holder) { return memory_ledger().now().of(host, holder); }

struct MemoryRecording {
  MemoryRecording() {
    memory_ledger().begin_peak();
    (void)memory_ledger().take_high(host);
    detail::recording_memory = true;
  }
  ~MemoryRecording() { detail::recording_memory = false; }
};
}  // namespace

BOOST_AUTO_TEST_SUITE(memory_ledger_)

BOOST_AUTO_TEST_CASE(memory_is_held_as_long_as_its_hold_lives_wherever_that_is_moved) {
  const std::uint64_t before = held(MemoryHolder::kv_cache);
  {
    MemoryHold first(host, MemoryHolder::kv_cache, 100);
    MemoryHold second = std::move(first);
    BOOST_TEST(held(MemoryHolder::kv_cache) == before + 100);
    MemoryHold third(host, MemoryHolder::kv_cache, 7);
    third = std::move(second);
    BOOST_TEST(held(MemoryHolder::kv_cache) == before + 107);
  }
  BOOST_TEST(held(MemoryHolder::kv_cache) == before);
}

BOOST_AUTO_TEST_CASE(the_innermost_scope_says_who_allocates) {
  BOOST_TEST((MemoryScope::holder() == MemoryHolder::activations));
  {
    const MemoryScope weights(MemoryHolder::weights);
    {
      const MemoryScope cache(MemoryHolder::kv_cache);
      BOOST_TEST((MemoryScope::holder() == MemoryHolder::kv_cache));
    }
    BOOST_TEST((MemoryScope::holder() == MemoryHolder::weights));
  }
  BOOST_TEST((MemoryScope::holder() == MemoryHolder::activations));
}

BOOST_AUTO_TEST_CASE(the_peak_has_its_holders_of_that_time) {
  const MemoryHold weights(host, MemoryHolder::weights, 1000);
  const MemoryRecording recording;
  const std::uint64_t base = memory_ledger().now().total();
  { const MemoryHold step(host, MemoryHolder::activations, 500); }
  const MemoryHold later(host, MemoryHolder::kv_cache, 300);
  const MemoryCells peak = memory_ledger().peak();
  BOOST_TEST(peak.total() == base + 500);
  BOOST_TEST(peak.of(host, MemoryHolder::activations) >= 500u);
  BOOST_TEST(peak.of(host, MemoryHolder::kv_cache) == held(MemoryHolder::kv_cache) - 300);
  memory_ledger().begin_peak();
  BOOST_TEST(memory_ledger().peak().total() == base + 300);
}

BOOST_AUTO_TEST_CASE(what_was_highest_between_two_samples_is_told_once) {
  const MemoryRecording recording;
  const std::uint64_t before = memory_ledger().now().tensors(host);
  { const MemoryHold step(host, MemoryHolder::activations, 500); }
  const auto high = memory_ledger().take_high(host);
  BOOST_REQUIRE(high.has_value());
  BOOST_TEST(high->bytes == before + 500);
  BOOST_TEST(high->ticks > 0u);
  BOOST_TEST(!memory_ledger().take_high(host).has_value());
}

BOOST_AUTO_TEST_CASE(a_failure_says_for_what_and_who_has_the_rest) {
  const MemoryHold weights(host, MemoryHolder::weights, 3u << 20);
  const std::uint64_t failures = memory_ledger().failures();
  const std::string text =
      memory_ledger().failed(host, MemoryHolder::activations, std::uint64_t{5} << 20);
  BOOST_TEST(text.starts_with("found no room for 5.0 MiB for activations, beside "), text);
  BOOST_TEST(text.find("3.0 MiB of weights") != std::string::npos, text);
  BOOST_TEST(memory_ledger().failures() == failures + 1);
  BOOST_TEST(memory_ledger().last_failure() == text);
}

BOOST_AUTO_TEST_CASE(blocks_of_several_caches_add_up_until_the_caches_are_gone) {
  const std::uint64_t all = memory_ledger().blocks(), used = memory_ledger().used_blocks();
  {
    BlocksHold one(10), two(5);
    one.set_used(4);
    two.set_used(5);
    one.set_used(3);
    const BlocksHold moved = std::move(one);
    BOOST_TEST(memory_ledger().blocks() == all + 15);
    BOOST_TEST(memory_ledger().used_blocks() == used + 8);
  }
  BOOST_TEST(memory_ledger().blocks() == all);
  BOOST_TEST(memory_ledger().used_blocks() == used);
}

BOOST_AUTO_TEST_SUITE_END()
