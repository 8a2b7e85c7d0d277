#include "profiling/analysis/slice_columns.hpp"

#include <libdeflate.h>

#include <algorithm>
#include <bit>
#include <memory>

namespace limelight::profiling {

namespace {

void varint(std::uint64_t number, std::string& to) {
  for (; number >= 128; number >>= 7) to += static_cast<char>(number % 128 + 128);
  to += static_cast<char>(number);
}

// Times from outside may be so far apart that their difference is no number.
std::uint64_t between(std::int64_t from, std::int64_t to) {
  return to > from ? static_cast<std::uint64_t>(to) - static_cast<std::uint64_t>(from) : 0;
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view digits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t at = 0; at < bytes.size(); at += 3) {
    std::uint32_t three = 0;
    for (std::size_t i = 0; i < 3; ++i)
      three = three << 8 | (at + i < bytes.size() ? static_cast<unsigned char>(bytes[at + i]) : 0);
    for (std::size_t i = 0; i < 4; ++i)
      text += at + i <= bytes.size() ? digits[three >> (18 - 6 * i) & 63] : '=';
  }
  return text;
}

}  // namespace

void SliceColumns::measure(std::uint32_t track, std::int64_t begin_ns, std::int64_t end_ns) {
  ++measured_;
  ++durations_[static_cast<std::size_t>(std::bit_width(between(begin_ns, end_ns)) % 64)];
  if (track >= spans_.size()) spans_.resize(track + 1, {INT64_MAX, INT64_MIN});
  auto& [first, last] = spans_[track];
  first = std::min(first, begin_ns);
  last = std::max(last, end_ns);
}

// A quarter of the room is for long slices. Each may have a block before it and one inside, and the
// last quarter is for the other blocks, which are as wide as that needs.
void SliceColumns::begin(std::int64_t begin_ns) {
  begin_ns_ = begin_ns;
  if (measured_ <= most_) return;
  std::uint64_t longer = measured_;
  std::size_t bits = 0;
  while (bits + 1 < durations_.size() && longer > most_ / 4) longer -= durations_[bits++];
  limit_ns_ = std::int64_t{1} << std::min<std::size_t>(bits, 62);
  double span = 0;
  for (const auto& [first, last] : spans_) span += static_cast<double>(between(first, last));
  window_ns_ =
      std::max(16.0 * static_cast<double>(limit_ns_), 8 * span / static_cast<double>(most_));
}

void SliceColumns::add(const TrackSlice& slice, std::size_t depth) {
  depth = std::min(depth, most_depth);
  if (tracks_.empty() || tracks_.back().track != slice.track) {
    end_block();
    ends_.clear();
    tracks_.push_back({slice.track, 0, 0});
    before_ns_ = begin_ns_;
  }
  const bool is_long = slice.end_ns - slice.begin_ns >= limit_ns_;
  if (limit_ns_ == 0) return put(slice, depth);
  bool left = false;  // a long slice
  while (!ends_.empty() && ends_.back() <= slice.begin_ns) {
    ends_.pop_back();
    left = true;
  }
  if (is_long) {
    end_block();
    put(slice, depth);
    ends_.push_back(slice.end_ns);
    return;
  }
  const bool joins =
      block_.count > 0 && !left &&
      static_cast<double>(between(block_.slice.begin_ns, slice.end_ns)) <= window_ns_;
  if (!joins) {
    end_block();
    block_ = {slice, depth, 0};
  }
  ++block_.count;
  block_.depth = std::min(block_.depth, depth);
  block_.slice.end_ns = std::max(block_.slice.end_ns, slice.end_ns);
}

void SliceColumns::end_block() {
  if (block_.count > 1) {
    block_.slice.name = together_;
    block_.slice.request = 0;
    block_.slice.value = block_.count;
    joined_ += block_.count;
  }
  if (block_.count > 0) put(block_.slice, block_.depth);
  block_ = {};
}

void SliceColumns::put(const TrackSlice& slice, std::size_t depth) {
  ++written_;
  Track& track = tracks_.back();
  ++track.slices;
  track.depths = std::max(track.depths, depth + 1);
  varint(between(before_ns_, slice.begin_ns), text_[0]);
  varint(between(slice.begin_ns, slice.end_ns), text_[1]);
  varint(depth, text_[2]);
  varint(slice.name, text_[3]);
  varint(slice.request, text_[4]);
  varint(slice.value, text_[5]);
  before_ns_ = std::max(before_ns_, slice.begin_ns);
}

void SliceColumns::finish() {
  end_block();
  for (std::size_t i = 0; i < columns; ++i) bytes_[i] = text_[i].size();
}

std::string SliceColumns::packed() {
  std::string all;
  for (std::string& column : text_) {
    all += column;
    column = {};
  }
  constexpr int level = 5;
  const std::unique_ptr<libdeflate_compressor, void (*)(libdeflate_compressor*)> with(
      libdeflate_alloc_compressor(level), libdeflate_free_compressor);
  std::string packed(libdeflate_zlib_compress_bound(with.get(), all.size()), '\0');
  packed.resize(
      libdeflate_zlib_compress(with.get(), all.data(), all.size(), packed.data(), packed.size()));
  return base64(packed);
}

}  // namespace limelight::profiling
