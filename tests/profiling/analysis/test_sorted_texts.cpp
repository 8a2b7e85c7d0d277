#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <random>

#include "profiling/analysis/sorted_texts.hpp"

namespace prof = limelight::profiling;

namespace {

std::vector<std::pair<std::int64_t, std::string>> all_of(const prof::SortedTexts& texts) {
  std::vector<std::pair<std::int64_t, std::string>> all;
  prof::SortedTexts::Cursor cursor(texts);
  for (;;) {
    const auto more = cursor.next();
    BOOST_REQUIRE(more.ok());
    if (!*more) return all;
    all.emplace_back(cursor.key(), cursor.text());
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(sorted_texts)

BOOST_AUTO_TEST_CASE(texts_come_by_key_and_those_of_one_key_as_they_were_added) {
  // With a limit that takes all, and with one that makes many runs, whose pieces texts exceed.
  for (const std::size_t most : {std::size_t{1} << 26, std::size_t{300'000}}) {
    std::mt19937 random(3);
    prof::SortedTexts texts(most);
    std::vector<std::pair<std::int64_t, std::string>> expected;
    for (int i = 0; i < 3000; ++i) {
      const auto key = static_cast<std::int64_t>(random() % 50) - 25;
      std::string text = std::to_string(i);
      text.append(i % 500 == 0 ? 100'000 : random() % 300, 'x');
      BOOST_REQUIRE(texts.add(key, text).ok());
      expected.emplace_back(key, std::move(text));
    }
    BOOST_REQUIRE(texts.finish().ok());
    std::stable_sort(expected.begin(), expected.end(),
                     [](const auto& a, const auto& b) { return a.first < b.first; });
    BOOST_TEST((all_of(texts) == expected));
    BOOST_TEST((all_of(texts) == expected));  // a second time
  }
}

BOOST_AUTO_TEST_CASE(nothing_is_nothing) {
  prof::SortedTexts texts;
  BOOST_REQUIRE(texts.finish().ok());
  BOOST_TEST(all_of(texts).empty());
}

BOOST_AUTO_TEST_SUITE_END()
