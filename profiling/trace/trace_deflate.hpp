// gzip for the text of traces, as it comes: members (RFC 1951, RFC 1952) out of pieces of text.
//
// A trace is lines that differ from an earlier one in a few digits. So matches are looked for where
// they begin in such text, at the start of a line and where digits have ended, each by one look
// into a table; digits are passed over. That finds as good matches as a search at every byte, in a
// fraction of the time, `limelight bench profiler` says how much; on other text it compresses less,
// and is as correct. What it touches is small enough to leave the caches to the work that is
// traced: twice the window, a block of symbols, the tables. Owned and called by one thread.
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
  // More of the member under way, or the start of one.
  void add(std::string_view text);
  // Ends the member, also an empty one. All of it; valid until the next call.
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

  // The text: what matches may point to, then what is still to be compressed.
  std::vector<char> text_;
  std::size_t next_ = 0, size_ = 0;     // in text_: the first byte to compress, and the end
  std::uint32_t base_ = 0, start_ = 0;  // positions count through all members: of text_[0], and of
                                        // the member's first byte
  bool fresh_ = true;                   // a match may begin at next_
  std::vector<std::uint32_t> long_table_, short_table_;  // position + 1 by hash; 0: none

  std::vector<Symbol> symbols_;
  std::size_t symbol_count_ = 0;
  std::array<std::uint32_t, literals> literal_counts_{};
  std::array<std::uint32_t, distances> distance_counts_{};

  bool open_ = false;
  std::uint32_t crc_ = 0,
                length_ = 0;  // of the member's text; the length modulo 2^32, as gzip has it
  std::vector<char> out_;
  char* at_ = nullptr;  // where the next byte goes
  std::uint64_t bits_ = 0;
  unsigned bit_count_ = 0;
};

}  // namespace limelight::profiling
