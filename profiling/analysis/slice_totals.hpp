// Time by name over the slices of any trace, exact in whole nanoseconds.
//
//   self   at each instant of a track the open slice that began last has the time; so the self
//          times of a track add up to the time in which a slice was open, however slices nest,
//          overlap or repeat
//   total  the time in which at least one slice of the name was open on the track, so recursion
//          counts once
//
// Slices may come in any order. Memory: 24 bytes for each slice, and the names. One thread uses an
// object.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <unordered_map>
#include <vector>

namespace limelight::profiling {

class SliceTotals {
 public:
  struct Total {
    std::uint64_t calls = 0;
    std::int64_t self_ns = 0, total_ns = 0;
  };
  using Track = std::uint32_t;

  // The track of a pid and a tid; `lane` tells tracks of one thread apart that do not nest.
  Track track(std::int64_t pid, std::int64_t tid, const std::string& lane = {});
  void add(Track track, const std::string& name, std::int64_t begin_ns, std::int64_t end_ns);
  // Adds a name's times on one track to `rows`. The object is empty then.
  void finish(std::map<std::string, Total, std::less<>>& rows, Track track);
  // The pid of each track, in the order of the tracks.
  const std::vector<std::int64_t>& pids() const noexcept { return pids_; }

 private:
  struct Slice {
    std::int64_t begin_ns, end_ns;
    std::uint32_t name;
  };
  using Key = std::tuple<std::int64_t, std::int64_t, std::string>;  // pid, tid, lane
  std::map<Key, Track> tracks_;
  std::vector<std::int64_t> pids_;
  std::vector<std::vector<Slice>> slices_;  // by track
  std::unordered_map<std::string, std::uint32_t> ids_;
  std::vector<const std::string*> names_;
};

}  // namespace limelight::profiling
