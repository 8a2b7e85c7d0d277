// Time by name over the slices of any trace, exact in whole nanoseconds.
//
//   self     at each instant of a track the open slice that began last has the time; so the self
//            times of a track add up to the time in which a slice was open, however slices nest,
//            overlap or repeat
//   total    the time in which at least one slice of the name was open on the track, so recursion
//            counts once
//   waiting  that part of the total in which the open slice that began last only waited
//
// Slices may come in any order. Memory: bounded but for the tracks and the names; see
// spilled_sort.hpp. One thread uses an object.
#pragma once

#include <cstdint>
#include <functional>
#include <limelight/result.hpp>
#include <map>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>
#include <vector>

#include "profiling/analysis/spilled_sort.hpp"

namespace limelight::profiling {

class SliceTotals {
 public:
  struct Total {
    std::uint64_t calls = 0, bytes = 0;
    std::int64_t self_ns = 0, total_ns = 0, waiting_ns = 0;
  };
  using Track = std::uint32_t;
  using Name = std::uint32_t;

  // most_bytes: the memory for slices.
  explicit SliceTotals(std::size_t most_bytes = Slices::default_bytes) : slices_(most_bytes) {}

  // The track of a pid and a tid in a file; `lane` tells tracks of one thread apart that do not
  // nest. Tracks are numbered from 0 in the order in which they are asked for.
  Track track(std::uint32_t file, std::int64_t pid, std::int64_t tid, std::string_view lane = {});
  std::size_t tracks() const noexcept { return tracks_.size(); }
  // waits: whoever is in a slice of that name computes nothing.
  Name name(std::string_view text, bool waits = false);
  const std::string& text(Name name) const { return *names_[name]; }
  bool waits(Name name) const { return waits_[name]; }

  Result<void> add(
      Track track, Name name, std::int64_t begin_ns, std::int64_t end_ns, std::uint64_t bytes = 0);
  // Calls visit(track, name, total) for each name on each track. The object is empty then.
  Result<void> finish(const std::function<void(Track, Name, const Total&)>& visit);

 private:
  struct Slice {
    std::int64_t begin_ns, end_ns;
    Track track;
    Name name;
  };
  // Of slices that begin together the longer one is the parent; of equal ones the first.
  struct Before {
    bool operator()(const Slice& a, const Slice& b) const {
      if (a.track != b.track) return a.track < b.track;
      return a.begin_ns != b.begin_ns ? a.begin_ns < b.begin_ns : a.end_ns > b.end_ns;
    }
  };
  using Slices = SpilledSort<Slice, Before>;
  using Key = std::tuple<std::uint32_t, std::int64_t, std::int64_t, std::string>;
  class Sweep;

  std::map<Key, Track, std::less<>> tracks_;
  Slices slices_;
  std::unordered_map<std::string, Name> ids_;
  std::vector<const std::string*> names_;
  std::vector<bool> waits_;
  std::map<std::pair<Track, Name>, std::uint64_t> bytes_;
};

}  // namespace limelight::profiling
