// What a trace says of memory, there and back, and in words.
#include <boost/test/unit_test.hpp>

#include "profiling/trace/memory_words.hpp"

using namespace limelight;
using namespace limelight::profiling;

BOOST_AUTO_TEST_SUITE(memory_words)

BOOST_AUTO_TEST_CASE(what_is_written_is_read_and_said) {
  const MemoryUse use{.recorded = true,
                      .peak_bytes = 12u << 20,
                      .device_bytes = 0,
                      .holders = {{"weights", 8u << 20}, {"kv cache", 4u << 20}},
                      .peak_resident_bytes = 30u << 20,
                      .kv_blocks = 64,
                      .peak_kv_blocks = 9,
                      .pool_chunks = 0,
                      .peak_pool_chunks = 0,
                      .failed = "found no room"};
  const std::string sentence =
      "peak 12.0 MiB: weights 8.0 MiB, kv cache 4.0 MiB; resident at most 30.0 MiB; KV blocks at "
      "most 9 of 64; found no room";
  BOOST_TEST(memory_sentence(use) == sentence);
  BOOST_TEST(memory_sentence(read_memory(memory_json(use))) == sentence);
  BOOST_TEST(memory_sentence({}).empty());
}

BOOST_AUTO_TEST_CASE(what_is_no_such_object_is_not_taken_for_one) {
  for (const char* text : {"", "null", "[1]", "3", "{"}) BOOST_TEST(!read_memory(text).recorded);
  const MemoryUse odd = read_memory(R"({"peak_bytes": "9", "holders": {"a": -1, "b": 2}})");
  BOOST_TEST(odd.peak_bytes == 0u);
  BOOST_REQUIRE(odd.holders.size() == 1u);
  BOOST_TEST(odd.holders.front().name == "b");
}

BOOST_AUTO_TEST_SUITE_END()
