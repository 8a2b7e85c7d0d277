// Blocks of keys and values: who has them, who finds them again, and when they are given away.
#include <boost/test/unit_test.hpp>
#include <numeric>

#include "stages/models/kv_cache.hpp"

using namespace limelight;
using namespace limelight::stages;

namespace {

struct Cache {
  std::unique_ptr<Device> device = make_cpu_device();
  KvCache cache{
      *device,
      {.layers = 1, .width = 2, .blocks = 6, .block_size = 4, .state_width = 3, .states = {2}}};

  static std::vector<int> counting(int first, int count) {
    std::vector<int> tokens(static_cast<std::size_t>(count));
    std::iota(tokens.begin(), tokens.end(), first);
    return tokens;
  }
  // All of `tokens`, found or computed.
  KvCache::Sequence filled(const std::vector<int>& tokens) {
    KvCache::Sequence sequence;
    const int rows = static_cast<int>(tokens.size()) - cache.find(tokens, sequence);
    BOOST_REQUIRE(cache.reserve(rows, sequence));
    cache.computed(rows, tokens, sequence);
    return sequence;
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(kv_cache, Cache)

BOOST_AUTO_TEST_CASE(a_sequence_grows_by_blocks_and_gives_all_of_them_back) {
  KvCache::Sequence sequence;
  BOOST_TEST(cache.reserve(5, sequence));
  BOOST_TEST(sequence.blocks.size() == 2u);
  BOOST_TEST(cache.reserve(5, sequence));  // the same rows again
  BOOST_TEST(sequence.blocks.size() == 2u);
  cache.computed(5, {}, sequence);
  BOOST_TEST(cache.reserve(4, sequence));
  BOOST_TEST(sequence.blocks.size() == 3u);
  BOOST_TEST(cache.free_blocks() == 3);
  BOOST_TEST(!cache.reserve(100, sequence));
  BOOST_TEST(sequence.blocks.size() == 3u);
  BOOST_TEST(cache.free_blocks() == 3);
  cache.release(sequence);
  BOOST_TEST(cache.free_blocks() == 6);
  BOOST_TEST(sequence.position == 0);
}

BOOST_AUTO_TEST_CASE(its_blocks_and_bytes_are_in_the_ledger_of_memory) {
  profiling::MemoryLedger& ledger = profiling::memory_ledger();
  const auto bytes = [&] {
    return ledger.now().of(profiling::MemorySpace::host, profiling::MemoryHolder::kv_cache);
  };
  const std::uint64_t all = ledger.blocks(), used = ledger.used_blocks(), before = bytes();
  {
    KvCache second(*device, cache.options());
    BOOST_TEST(ledger.blocks() == all + 6);
    BOOST_TEST(bytes() == before + 6 * KvCache::block_bytes(cache.options()));
    KvCache::Sequence sequence;
    BOOST_TEST(second.reserve(5, sequence));
    BOOST_TEST(ledger.used_blocks() == used + 2);
    second.release(sequence);
    BOOST_TEST(ledger.used_blocks() == used);
  }
  BOOST_TEST(ledger.blocks() == all);
  BOOST_TEST(bytes() == before);
}

BOOST_AUTO_TEST_CASE(equal_beginnings_share_whole_blocks_and_one_token_is_left_to_compute) {
  const auto first = filled(counting(0, 10));
  KvCache::Sequence equal, longer, other;
  BOOST_TEST(cache.find(counting(0, 8), equal) == 4);  // not 8: the last token is computed
  BOOST_TEST(cache.find(counting(0, 11), longer) == 8);
  BOOST_TEST(cache.find(counting(1, 11), other) == 0);
  BOOST_TEST(longer.blocks[0] == first.blocks[0]);
  BOOST_TEST(longer.blocks[1] == first.blocks[1]);
  BOOST_TEST(longer.shared == 8);
}

BOOST_AUTO_TEST_CASE(equal_blocks_after_different_beginnings_are_not_the_same) {
  auto tokens = counting(0, 9);
  const auto first = filled(tokens);
  tokens[0] = 77;  // the second block is as before
  KvCache::Sequence sequence;
  BOOST_TEST(cache.find(tokens, sequence) == 0);
}

BOOST_AUTO_TEST_CASE(what_was_served_is_found_until_its_memory_is_needed) {
  auto first = filled(counting(0, 9));
  cache.release(first);
  BOOST_TEST(cache.free_blocks() == 6);
  auto again = filled(counting(0, 9));
  BOOST_TEST(again.shared == 8);
  cache.release(again);
  auto greedy = filled(counting(100, 24));  // all six blocks
  BOOST_TEST(greedy.shared == 0);
  cache.release(greedy);
  auto gone = filled(counting(0, 9));
  BOOST_TEST(gone.shared == 0);
}

BOOST_AUTO_TEST_CASE(the_beginning_of_a_prompt_is_kept_longer_than_its_end) {
  auto first = filled(counting(0, 13));
  cache.release(first);
  auto other = filled(counting(100, 20));  // five: three that hold nothing, and two of these
  KvCache::Sequence again;
  BOOST_TEST(cache.find(counting(0, 13), again) == 4);
}

BOOST_AUTO_TEST_CASE(two_sequences_that_were_computed_side_by_side_both_give_back) {
  const auto tokens = counting(0, 9);
  KvCache::Sequence a, b;
  for (auto* sequence : {&a, &b}) {
    BOOST_TEST(cache.find(tokens, *sequence) == 0);
    BOOST_REQUIRE(cache.reserve(9, *sequence));
  }
  for (auto* sequence : {&a, &b}) cache.computed(9, tokens, *sequence);
  cache.release(a);
  cache.release(b);
  BOOST_TEST(cache.free_blocks() == 6);
  KvCache::Sequence third;
  BOOST_TEST(cache.find(tokens, third) == 8);
}

BOOST_AUTO_TEST_CASE(nothing_is_shared_if_the_config_says_so) {
  KvCache own(*device, {.layers = 1, .width = 2, .blocks = 6, .block_size = 4, .share = false});
  KvCache::Sequence a, b;
  BOOST_REQUIRE(own.reserve(9, a));
  own.computed(9, counting(0, 9), a);
  BOOST_TEST(own.find(counting(0, 9), b) == 0);
}

BOOST_AUTO_TEST_CASE(the_size_comes_from_blocks_then_bytes_then_sequences) {
  CacheConfig config;
  BOOST_TEST(cache_blocks(config, 100, 3, 1000) == 21);  // seven blocks of 16 for each
  config.bytes = 12'345;
  BOOST_TEST(cache_blocks(config, 100, 3, 1000) == 12);
  config.blocks = 9;
  BOOST_TEST(cache_blocks(config, 100, 3, 1000) == 9);
  config = {.memory_fraction = 1};
  BOOST_TEST(cache_blocks(config, 100, 3, 1000) == 21);  // never more than can be used
}

BOOST_AUTO_TEST_SUITE_END()
