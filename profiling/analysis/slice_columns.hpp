// Packs slices for a page that draws them: column by column, compressed, as text.
//
// A page has at most `most` slices. Where a run has more, those shorter than a limit that is chosen
// from all durations are joined with their neighbours into blocks, which say how many slices they
// stand for. So a page's size is bounded, and what is not shown singly is counted.
//
//   1. measure() each slice, in any order
//   2. add() the slices, in the order of SliceSweep
//   3. finish()
//
// The text is base64 of a zlib stream. In it the columns follow each other; each is a sequence of
// varints (7 bits a byte, least first): the time since the begin of the slice before on the track
// (of the first: since begin_ns), duration, depth, name, request, value. One thread uses an object.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "profiling/analysis/slice_sweep.hpp"

namespace limelight::profiling {

class SliceColumns {
 public:
  static constexpr std::size_t most = 1'200'000;
  static constexpr std::size_t columns = 6;
  using Name = std::uint32_t;
  static constexpr std::size_t most_depth = 47;

  // together: the name of blocks.
  explicit SliceColumns(Name together, std::size_t most_slices = most)
      : together_(together), most_(most_slices) {}

  void measure(std::uint32_t track, std::int64_t begin_ns, std::int64_t end_ns);
  // Ends measuring. begin_ns: of all slices.
  void begin(std::int64_t begin_ns);
  void add(const TrackSlice& slice, std::size_t depth);
  void finish();

  struct Track {
    std::uint32_t track;
    std::uint64_t slices;
    std::size_t depths;  // rows that it needs
  };
  const std::vector<Track>& tracks() const noexcept { return tracks_; }
  std::uint64_t slices() const noexcept { return written_; }
  std::uint64_t joined() const noexcept { return joined_; }     // in blocks
  std::int64_t limit_ns() const noexcept { return limit_ns_; }  // 0: none is joined
  const std::array<std::size_t, columns>& bytes() const noexcept { return bytes_; }
  // The columns as text; empties the object.
  std::string packed();

 private:
  struct Block {
    TrackSlice slice{};
    std::size_t depth = 0;
    std::uint64_t count = 0;
  };
  void put(const TrackSlice& slice, std::size_t depth);
  void end_block();

  Name together_;
  std::size_t most_;
  std::array<std::uint64_t, 64> durations_{};  // how many, by the number of their bits
  std::uint64_t measured_ = 0, written_ = 0, joined_ = 0;
  std::vector<std::pair<std::int64_t, std::int64_t>> spans_;  // of each track, first and last
  std::int64_t limit_ns_ = 0, begin_ns_ = 0, before_ns_ = 0;
  double window_ns_ = 0;  // a block is not longer
  Block block_;
  std::vector<std::int64_t> ends_;  // of the long slices that are open
  std::vector<Track> tracks_;
  std::array<std::string, columns> text_;
  std::array<std::size_t, columns> bytes_{};
};

}  // namespace limelight::profiling
