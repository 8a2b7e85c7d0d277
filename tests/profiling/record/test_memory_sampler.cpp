// What a sampler remembers of memory while it runs. (Its counters: capture/test_session.cpp.)
#include <boost/test/unit_test.hpp>
#include <vector>

#include "profiling/record/memory_sampler.hpp"

using namespace limelight::profiling;

BOOST_AUTO_TEST_SUITE(memory_sampler)

BOOST_AUTO_TEST_CASE(it_remembers_the_most_and_begins_anew_when_asked) {
  std::uint64_t chunks = 3;
  MemorySampler sampler([&chunks] { return MemorySampler::Pool{chunks, 40}; });
  sampler.rest();  // while it does not run
  BlocksHold blocks(8);
  blocks.set_used(5);
  sampler.start();
  const std::uint64_t base = memory_ledger().now().total();
  { const MemoryHold step(MemorySpace::host, MemoryHolder::activations, 1u << 20); }
  chunks = 7;
  sampler.rest();
  chunks = 2;
  blocks.set_used(1);
  sampler.stop();
  const auto use = sampler.take_use();
  BOOST_TEST(use.recorded);
  BOOST_TEST(use.peak_bytes == base + (1u << 20));
  BOOST_TEST(use.device_bytes == 0u);
  BOOST_REQUIRE(!use.holders.empty());
  BOOST_TEST(use.holders.front().name == "activations");
  BOOST_TEST(use.holders.front().bytes >= 1u << 20);
  BOOST_TEST(use.peak_pool_chunks == 7u);
  BOOST_TEST(use.pool_chunks == 40u);
  BOOST_TEST(use.peak_kv_blocks >= 5u);
  BOOST_TEST(use.peak_resident_bytes > 1u << 20);
  BOOST_TEST(sampler.take_use().peak_bytes == base);
}

BOOST_AUTO_TEST_CASE(resident_memory_is_what_the_kernel_counts) {
  MemorySampler sampler;
  sampler.start();
  sampler.stop();
  const std::uint64_t before = sampler.take_use().peak_resident_bytes;
  const std::vector<char> touched(64u << 20, 1);
  sampler.start();
  sampler.stop();
  BOOST_TEST(sampler.take_use().peak_resident_bytes >= before + (60u << 20));
}

BOOST_AUTO_TEST_SUITE_END()
