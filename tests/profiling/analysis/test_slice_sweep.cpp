// What lies inside what, and whose time it is.
#include <boost/test/unit_test.hpp>
#include <map>
#include <random>

#include "profiling/analysis/slice_sweep.hpp"

namespace prof = limelight::profiling;

namespace {

struct Seen : prof::SliceSweep::Visitor {
  std::map<std::uint32_t, std::int64_t> self;   // by name, which is unique
  std::map<std::uint32_t, std::size_t> depths;  // by name
  std::map<std::uint32_t, std::uint32_t> parents;
  std::vector<char> owner = std::vector<char>(1000, '.');
  prof::SliceSweep::Tag opened(const prof::TrackSlice& slice,
                               std::size_t depth,
                               const prof::SliceSweep::Tag* parent) override {
    depths[slice.name] = depth;
    if (parent != nullptr) parents[slice.name] = *parent;
    return slice.name;
  }
  void spent(const prof::TrackSlice& slice,
             prof::SliceSweep::Tag,
             std::int64_t from,
             std::int64_t to) override {
    for (std::int64_t t = from; t < to && t < 1000; ++t)
      owner[static_cast<std::size_t>(t)] = static_cast<char>('a' + slice.name % 26);
  }
  void closed(const prof::TrackSlice& slice, std::int64_t self_ns, prof::SliceSweep::Tag) override {
    self[slice.name] += self_ns;
  }
  explicit Seen(std::vector<prof::TrackSlice> slices) {
    std::stable_sort(slices.begin(), slices.end(), prof::TrackSliceBefore());
    prof::SliceSweep sweep(*this);
    for (const auto& slice : slices) sweep.add(slice);
    sweep.finish();
  }
};
prof::TrackSlice swept(std::uint32_t name, std::int64_t from, std::int64_t to, unsigned track = 0) {
  return {from, to, 0, track, name, 0};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(slice_sweep)

BOOST_AUTO_TEST_CASE(nested_slices_have_depths_parents_and_the_time_that_is_left) {
  const Seen seen({swept(0, 0, 100), swept(1, 10, 60), swept(2, 20, 30), swept(3, 70, 80)});
  BOOST_TEST(seen.depths.at(2) == 2u);
  BOOST_TEST(seen.depths.at(3) == 1u);
  BOOST_TEST(seen.parents.at(2) == 1u);
  BOOST_TEST(seen.parents.at(3) == 0u);
  BOOST_TEST(seen.self.at(0) == 40);
  BOOST_TEST(seen.self.at(1) == 40);
}

BOOST_AUTO_TEST_CASE(tracks_do_not_know_each_other) {
  const Seen seen({swept(0, 0, 100, 1), swept(1, 10, 20, 0), swept(2, 50, 200, 2)});
  for (const auto& [name, depth] : seen.depths) BOOST_TEST(depth == 0u);
  BOOST_TEST(seen.self.at(0) == 100);
  BOOST_TEST(seen.self.at(2) == 150);
}

// Whatever overlaps: each instant belongs to the open slice that began last.
BOOST_AUTO_TEST_CASE(self_times_are_those_of_a_look_at_each_instant) {
  std::mt19937 random(7);
  for (int round = 0; round < 50; ++round) {
    std::vector<prof::TrackSlice> slices;
    for (std::uint32_t i = 0; i < 20; ++i) {
      const auto from = static_cast<std::int64_t>(random() % 900);
      slices.push_back(swept(i, from, from + 1 + static_cast<std::int64_t>(random() % 90)));
    }
    std::stable_sort(slices.begin(), slices.end(), prof::TrackSliceBefore());
    std::map<std::uint32_t, std::int64_t> expected;
    for (std::int64_t t = 0; t < 1000; ++t) {
      const prof::TrackSlice* owner = nullptr;
      for (const auto& one : slices)
        if (one.begin_ns <= t && t < one.end_ns) owner = &one;
      if (owner != nullptr) ++expected[owner->name];
    }
    const Seen seen(slices);
    for (const auto& [name, ns] : expected) BOOST_TEST(seen.self.at(name) == ns);
  }
}

BOOST_AUTO_TEST_SUITE_END()
