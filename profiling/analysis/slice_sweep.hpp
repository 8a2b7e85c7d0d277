// Goes over the slices of all tracks and tells what lies inside what.
//
//   parent  the slice that began last of those that are open when another begins
//   depth   how many parents are around a slice; so what is open together has different depths
//   self    the time in which a slice was the open one that began last
//
// This holds however slices nest, overlap or repeat; the rule for self times is that of
// slice_totals.hpp. One thread uses an object.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace limelight::profiling {

struct TrackSlice {
  std::int64_t begin_ns, end_ns;
  std::uint64_t value;  // what the name says of it: bytes, or the number of a step
  std::uint32_t track, name, request;
};
// Of slices that begin together the longer one is the parent; of equal ones the first.
struct TrackSliceBefore {
  bool operator()(const TrackSlice& a, const TrackSlice& b) const {
    if (a.track != b.track) return a.track < b.track;
    return a.begin_ns != b.begin_ns ? a.begin_ns < b.begin_ns : a.end_ns > b.end_ns;
  }
};

class SliceSweep {
 public:
  using Tag = std::uint32_t;  // what a visitor wants to know again of an open slice
  class Visitor {
   public:
    virtual ~Visitor() = default;
    // parent: its tag; null for the outermost of a track. Slices come in their order.
    virtual Tag opened(const TrackSlice& slice, std::size_t depth, const Tag* parent) = 0;
    // The slice had this time for itself.
    virtual void spent(const TrackSlice& slice, Tag tag, std::int64_t from, std::int64_t to) = 0;
    virtual void closed(const TrackSlice& slice, std::int64_t self_ns, Tag tag) = 0;
  };

  explicit SliceSweep(Visitor& visitor) : visitor_(visitor) {}

  // In the order of TrackSliceBefore.
  void add(const TrackSlice& slice);
  void finish() { go_to(INT64_MAX); }

 private:
  struct Open {
    TrackSlice slice;
    std::int64_t self_ns;
    Tag tag;
  };
  void go_to(std::int64_t ns);

  Visitor& visitor_;
  std::vector<Open> open_;
  std::int64_t now_ = INT64_MIN;
};

}  // namespace limelight::profiling
