// What is packed into a record comes out of it, and names stay what they are.
#include <boost/test/unit_test.hpp>
#include <thread>
#include <vector>

#include "profiling/record/record.hpp"

namespace prof = limelight::profiling;

BOOST_AUTO_TEST_SUITE(record_values)

BOOST_AUTO_TEST_CASE(shapes_and_chunks_come_back_and_what_is_too_large_is_the_most) {
  const auto dims = prof::unpack_dims(prof::pack_dims(1, 2'097'150, 1u << 30));
  BOOST_TEST(dims.a == 1u);
  BOOST_TEST(dims.b == 2'097'150u);
  BOOST_TEST(dims.c == 2'097'151u);
  const auto chunk = prof::unpack_chunk(prof::pack_chunk(2047, 0xffffff, 4096));
  BOOST_TEST(chunk.channel == 2047u);
  BOOST_TEST(chunk.number == 0xffffffu);
  BOOST_TEST(chunk.bytes == 4096u);
  const auto wrapped = prof::unpack_chunk(prof::pack_chunk(2048 + 3, 0x1000005, 1ull << 40));
  BOOST_TEST(wrapped.channel == 3u);
  BOOST_TEST(wrapped.number == 5u);
  BOOST_TEST(wrapped.bytes == (1u << 29) - 1);
}

BOOST_AUTO_TEST_CASE(a_name_has_one_id_for_each_of_its_meanings_whatever_thread_asks) {
  const auto id = prof::intern("of a record");
  BOOST_TEST(id < prof::name_count());
  BOOST_TEST(id != prof::intern("of a record", prof::Category::user_annotation));
  std::vector<std::thread> threads;
  std::vector<prof::NameId> ids(4);
  for (auto& one : ids) threads.emplace_back([&one] { one = prof::intern("of a record"); });
  for (auto& thread : threads) thread.join();
  for (const auto one : ids) BOOST_TEST(one == id);
  const auto& info = prof::name_info(id);
  BOOST_TEST(info.name == "of a record");
  BOOST_TEST((info.category == prof::Category::cpu_op));
  BOOST_TEST(!info.correlated);
}

BOOST_AUTO_TEST_SUITE_END()
