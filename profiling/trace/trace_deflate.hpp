// A gzip compressor (RFC 1951, RFC 1952) for the text of traces, which arrives in pieces. It
// produces a sequence of gzip members.
//
// The lines of a trace differ from earlier lines in a few digits only. So the compressor does not
// search for matches inside digits, and elsewhere a search is one lookup in each of two hash
// tables. The matches in a trace are as good as those of a search at every byte, and are found in a
// fraction of the time; `limelight bench profiler` compares size and speed. Other text is
// compressed less, but as correctly.
//
// The memory that it uses (twice the window, a block of symbols, the tables) is small, so the
// caches stay with the traced work. One thread uses an object.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

namespace limelight::profiling {

class TraceDeflate {
 public:
  TraceDeflate();
  // Adds text to the current member, or starts a member with it.
  void add(std::string_view text);
  // Ends the member, which may be empty, and returns all of its bytes. They are valid until the
  // next call.
  std::string_view finish();

 private:
  static constexpr std::size_t literals = 286, distances = 30;
  // A literal byte, or a length and a distance.
  struct Symbol {
    std::uint16_t length_or_byte;
    std::uint16_t distance;  // 0: a literal
  };
  void begin();
  void slide();
  void find_matches(bool last);
  void literal(unsigned char byte);
  void match(std::size_t length, std::size_t distance);
  void end_block(bool last);
  void put(std::uint64_t bits, unsigned count);

  // The window that matches may point to, followed by the text that is not compressed yet.
  std::vector<char> text_;
  std::size_t next_ = 0, size_ = 0;  // in text_: the first byte to compress, and the end
  // Positions are counted through all members: that of text_[0], and of the member's first byte.
  std::uint32_t base_ = 0, start_ = 0;
  bool fresh_ = true;                                    // search at next_ even if it is a digit
  std::vector<std::uint32_t> long_table_, short_table_;  // position + 1 by hash; 0: none

  std::vector<Symbol> symbols_;
  std::size_t symbol_count_ = 0;
  std::array<std::uint32_t, literals> literal_counts_{};
  std::array<std::uint32_t, distances> distance_counts_{};

  bool open_ = false;
  // CRC and length (modulo 2^32) of the member's text, for the trailer of gzip.
  std::uint32_t crc_ = 0, length_ = 0;
  std::vector<char> out_;
  char* at_ = nullptr;  // the end of the output in out_
  std::uint64_t bits_ = 0;
  unsigned bit_count_ = 0;
};

}  // namespace limelight::profiling
