// The slices that a page draws, read back as its script does it.
#include <zlib.h>

#include <boost/test/unit_test.hpp>
#include <string>

#include "profiling/analysis/slice_columns.hpp"

namespace prof = limelight::profiling;

namespace {

std::string unpacked(const std::string& base64) {
  std::string bytes;
  int bits = 0;
  unsigned held = 0;
  for (const char c : base64) {
    const std::string digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (c == '=') break;
    held = held << 6 | static_cast<unsigned>(digits.find(c));
    if ((bits += 6) < 8) continue;
    bits -= 8;
    bytes += static_cast<char>(held >> bits & 255);
  }
  std::string text(std::size_t{64} << 20, '\0');
  auto size = static_cast<uLongf>(text.size());
  BOOST_REQUIRE(uncompress(reinterpret_cast<Bytef*>(text.data()), &size,
                           reinterpret_cast<const Bytef*>(bytes.data()), bytes.size()) == Z_OK);
  text.resize(size);
  return text;
}
// Column by column.
std::vector<std::vector<std::uint64_t>> read(prof::SliceColumns& columns) {
  const auto bytes = columns.bytes();
  const std::string text = unpacked(columns.packed());
  std::vector<std::vector<std::uint64_t>> all;
  std::size_t at = 0;
  for (const std::size_t size : bytes) {
    auto& column = all.emplace_back();
    for (const std::size_t end = at + size; at < end;) {
      std::uint64_t value = 0;
      for (int shift = 0;; shift += 7) {
        const auto byte = static_cast<unsigned char>(text[at++]);
        value |= std::uint64_t{byte & 127u} << shift;
        if (byte < 128) break;
      }
      column.push_back(value);
    }
  }
  BOOST_TEST(at == text.size());
  return all;
}
prof::TrackSlice slice(std::int64_t from, std::int64_t to, std::uint32_t track = 0) {
  return {from, to, 4096, track, 7, 3};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(slice_columns)

BOOST_AUTO_TEST_CASE(each_slice_is_in_the_columns_with_its_times) {
  prof::SliceColumns columns(1);
  for (const std::int64_t length : {1000, 10, 300}) columns.measure(0, 5000, 5000 + length);
  columns.begin(5000);
  columns.add(slice(5100, 6100), 0);
  columns.add(slice(5200, 5210), 1);
  columns.add(slice(5050, 5350, 4), 0);
  columns.finish();
  BOOST_TEST(columns.slices() == 3u);
  BOOST_TEST(columns.joined() == 0u);
  BOOST_REQUIRE(columns.tracks().size() == 2u);
  BOOST_TEST(columns.tracks()[0].depths == 2u);
  BOOST_TEST(columns.tracks()[1].track == 4u);
  const auto all = read(columns);
  using Numbers = std::vector<std::uint64_t>;
  BOOST_TEST(all[0] == (Numbers{100, 100, 50}));
  BOOST_TEST(all[1] == (Numbers{1000, 10, 300}));
  BOOST_TEST(all[2] == (Numbers{0, 1, 0}));
  BOOST_TEST(all[3] == (Numbers{7, 7, 7}));
  BOOST_TEST(all[4] == (Numbers{3, 3, 3}));
  BOOST_TEST(all[5] == (Numbers{4096, 4096, 4096}));
}

// Of more slices than there is room for, the long ones stay and the others are counted.
BOOST_AUTO_TEST_CASE(too_many_slices_become_blocks_that_say_how_many_they_are) {
  constexpr std::size_t most = 5000, count = 100'000;
  prof::SliceColumns columns(1, most);
  const auto length = [](std::size_t i) { return i % 100 == 0 ? 50'000 : 100; };
  std::int64_t at = 0;
  for (std::size_t i = 0; i < count; ++i) {
    columns.measure(0, at, at + length(i));
    at += length(i) + 50;
  }
  columns.begin(0);
  at = 0;
  for (std::size_t i = 0; i < count; ++i) {
    columns.add(slice(at, at + length(i)), 0);
    at += length(i) + 50;
  }
  columns.finish();
  BOOST_TEST(columns.limit_ns() > 100);
  BOOST_TEST(columns.slices() <= most);
  BOOST_TEST(columns.slices() > most / 4);
  const auto all = read(columns);
  std::uint64_t shown = 0, single = 0, end = 0, now = 0;
  for (std::size_t i = 0; i < all[0].size(); ++i) {
    now += all[0][i];
    BOOST_REQUIRE(now >= end);  // blocks lie beside the long slices, not over them
    end = now + all[1][i];
    all[3][i] == 1 ? shown += all[5][i] : ++single;
  }
  BOOST_TEST(shown + single == count);
  BOOST_TEST(shown == columns.joined());
}

BOOST_AUTO_TEST_SUITE_END()
