// Self and total time, against a computation that looks at each nanosecond.
#include <boost/test/unit_test.hpp>
#include <random>

#include "profiling/analysis/slice_totals.hpp"

using limelight::profiling::SliceTotals;

namespace {

struct Slice {
  std::string name;
  int begin, end;
};
using Rows = std::map<std::string, SliceTotals::Total, std::less<>>;

// Names with a w wait. Memory for a few slices alone, so that the rest goes to a file.
Rows totals(const std::vector<Slice>& slices, std::size_t most_bytes = 64) {
  SliceTotals all(most_bytes);
  const auto track = all.track(0, 1, 1);
  for (const Slice& slice : slices)
    BOOST_REQUIRE(
        all.add(track, all.name(slice.name, slice.name.front() == 'w'), slice.begin, slice.end)
            .ok());
  Rows rows;
  BOOST_REQUIRE(all.finish([&](SliceTotals::Track, SliceTotals::Name name, const auto& total) {
                     rows[all.text(name)] = total;
                   })
                    .ok());
  return rows;
}

// At each instant the slice that began last has the time; of those the one that ends first, then
// the one that stands last in the file.
Rows by_instant(const std::vector<Slice>& slices, int length) {
  Rows rows;
  for (const Slice& slice : slices) ++rows[slice.name].calls;
  for (int t = 0; t < length; ++t) {
    const Slice* owner = nullptr;
    std::map<std::string, bool> open;
    for (const Slice& slice : slices) {
      if (t < slice.begin || t >= slice.end) continue;
      open[slice.name] = true;
      if (owner == nullptr || slice.begin > owner->begin ||
          (slice.begin == owner->begin && slice.end <= owner->end))
        owner = &slice;
    }
    if (owner != nullptr) ++rows[owner->name].self_ns;
    for (const auto& [name, is] : open) {
      ++rows[name].total_ns;
      if (owner->name.front() == 'w') ++rows[name].waiting_ns;
    }
  }
  return rows;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(slice_totals)

BOOST_AUTO_TEST_CASE(parents_give_their_children_s_time_away) {
  const Rows rows = totals({{"child", 2, 5}, {"parent", 1, 10}, {"child", 5, 6}});
  BOOST_TEST(rows.at("parent").self_ns == 5);
  BOOST_TEST(rows.at("parent").total_ns == 9);
  BOOST_TEST(rows.at("child").self_ns == 4);
  BOOST_TEST(rows.at("child").calls == 2u);
}

BOOST_AUTO_TEST_CASE(recursion_counts_once_in_the_total) {
  const Rows rows = totals({{"f", 0, 10}, {"f", 1, 9}, {"f", 2, 8}});
  BOOST_TEST(rows.at("f").total_ns == 10);
  BOOST_TEST(rows.at("f").self_ns == 10);
  BOOST_TEST(rows.at("f").calls == 3u);
}

BOOST_AUTO_TEST_CASE(any_slices_give_what_a_look_at_each_instant_gives) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::vector<Slice> slices;
    const int count = static_cast<int>(random() % 12);
    for (int i = 0; i < count; ++i) {
      const int begin = static_cast<int>(random() % 20);
      slices.push_back(
          {std::string(1, "abcw"[random() % 4]), begin, begin + static_cast<int>(random() % 12)});
    }
    const Rows found = totals(slices), expected = by_instant(slices, 40);
    BOOST_REQUIRE(found.size() == expected.size());
    for (const auto& [name, row] : expected) {
      BOOST_TEST(found.at(name).calls == row.calls, "round " << round);
      BOOST_TEST(found.at(name).self_ns == row.self_ns, "round " << round << " " << name);
      BOOST_TEST(found.at(name).total_ns == row.total_ns, "round " << round << " " << name);
      BOOST_TEST(found.at(name).waiting_ns == row.waiting_ns, "round " << round << " " << name);
    }
  }
}

BOOST_AUTO_TEST_CASE(times_at_the_ends_of_what_64_bits_hold_do_not_turn_negative) {
  SliceTotals all;
  const auto track = all.track(0, 1, 1);
  const auto name = all.name("long");
  BOOST_REQUIRE(all.add(track, name, -INT64_MAX, 0).ok());
  BOOST_REQUIRE(all.add(track, name, 0, INT64_MAX).ok());
  SliceTotals::Total found;
  BOOST_REQUIRE(all.finish([&](auto, auto, const auto& total) { found = total; }).ok());
  BOOST_TEST(found.self_ns == INT64_MAX);
  BOOST_TEST(found.total_ns == INT64_MAX);
}

BOOST_AUTO_TEST_SUITE_END()
