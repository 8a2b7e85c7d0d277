#include "profiling/trace_deflate.hpp"

#include <libdeflate.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace limelight::profiling {

namespace {

constexpr std::size_t window = 32768, longest = 258, shortest = 4, end_of_block = 256, block_symbols = 1 << 16;
constexpr std::size_t line_key = 64, long_key = 40, short_key = 6;

// RFC 1951, 3.2.5.
constexpr std::array<std::uint16_t, 29> length_base{3, 4, 5, 6, 7, 8, 9, 10, 11, 13, 15, 17, 19, 23, 27, 31, 35, 43, 51, 59, 67, 83, 99, 115, 131, 163, 195, 227, 258};
constexpr std::array<std::uint8_t, 29> length_extra{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
constexpr std::array<std::uint16_t, 30> distance_base{1,   2,   3,   4,   5,   7,    9,    13,   17,   25,   33,   49,   65,    97,    129,
                                                      193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
constexpr std::array<std::uint8_t, 30> distance_extra{0, 0, 0, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6, 7, 7, 8, 8, 9, 9, 10, 10, 11, 11, 12, 12, 13, 13};

constexpr auto length_codes = [] {
  std::array<std::uint8_t, longest + 1> codes{};
  for (std::size_t length = 3; length <= longest; ++length)
    for (std::size_t code = 0; code < length_base.size(); ++code)
      if (length_base[code] <= length) codes[length] = static_cast<std::uint8_t>(code);
  return codes;
}();
unsigned distance_code(std::size_t distance) {
  if (distance <= 4) return static_cast<unsigned>(distance - 1);
  const unsigned top = static_cast<unsigned>(std::bit_width(distance - 1)) - 1;
  return 2 * top + static_cast<unsigned>((distance - 1) >> (top - 1) & 1);
}

bool is_digit(char c) { return (c >= '0' && c <= '9') || c == '.'; }

std::uint64_t load(const char* from) {
  std::uint64_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}
constexpr std::uint64_t odd = 0x9e3779b97f4a7c15u;
std::uint64_t hash_of(const char* from, std::size_t bytes) {
  std::uint64_t hash = 0;
  for (std::size_t i = 0; i < bytes; i += 8) hash = (hash ^ load(from + i)) * odd + (hash >> 29);
  return hash;
}

std::size_t common(const char* a, const char* b, std::size_t most) {
  std::size_t n = 0;
  for (; n + 8 <= most; n += 8)
    if (const std::uint64_t difference = load(a + n) ^ load(b + n); difference != 0) return n + static_cast<std::size_t>(std::countr_zero(difference)) / 8;
  while (n < most && a[n] == b[n]) ++n;
  return n;
}

// A prefix code of at most `limit` bits a symbol.
template <std::size_t N>
struct Code {
  std::array<std::uint8_t, N> lengths{};
  std::array<std::uint16_t, N> bits{};  // first bit lowest, as deflate wants them

  Code(const std::array<std::uint32_t, N>& counts, unsigned limit) {
    struct Node {
      std::uint64_t count;
      int left, right;  // -1: a leaf
      std::size_t symbol;
    };
    std::vector<Node> nodes;
    for (std::size_t s = 0; s < N; ++s)
      if (counts[s] != 0) nodes.push_back({counts[s], -1, -1, s});
    if (nodes.empty()) return;
    if (nodes.size() == 1) {
      lengths[nodes[0].symbol] = 1;
      assign();
      return;
    }
    std::stable_sort(nodes.begin(), nodes.end(), [](const Node& a, const Node& b) { return a.count < b.count; });
    const std::size_t leaves = nodes.size();
    // Huffman with two queues: leaves, and the nodes that were made, both in order of their counts.
    std::size_t leaf = 0, made = leaves;
    const auto take = [&] {
      const bool from_leaves = leaf < leaves && (made == nodes.size() || nodes[leaf].count <= nodes[made].count);
      return static_cast<int>(from_leaves ? leaf++ : made++);
    };
    nodes.reserve(2 * leaves);
    while (nodes.size() < 2 * leaves - 1) {
      const int a = take(), b = take();
      nodes.push_back({nodes[static_cast<std::size_t>(a)].count + nodes[static_cast<std::size_t>(b)].count, a, b, 0});
    }
    std::vector<unsigned> depth(nodes.size());
    for (std::size_t i = nodes.size(); i-- > leaves;)
      for (const int child : {nodes[i].left, nodes[i].right}) depth[static_cast<std::size_t>(child)] = depth[i] + 1;
    // Too long ones are cut; then the sum of 2^-length exceeds 1 until others, the rarest first, are made longer.
    std::uint64_t sum = 0;
    for (std::size_t i = 0; i < leaves; ++i) {
      depth[i] = std::min(depth[i], limit);
      sum += std::uint64_t{1} << (limit - depth[i]);
    }
    const std::uint64_t whole = std::uint64_t{1} << limit;
    while (sum > whole)
      for (std::size_t i = 0; i < leaves && sum > whole; ++i)
        if (depth[i] < limit) {
          ++depth[i];
          sum -= std::uint64_t{1} << (limit - depth[i]);
        }
    for (std::size_t i = leaves; i-- > 0;)  // what was made too long goes back, the most frequent first
      while (depth[i] > 1 && sum + (std::uint64_t{1} << (limit - depth[i])) <= whole) {
        sum += std::uint64_t{1} << (limit - depth[i]);
        --depth[i];
      }
    for (std::size_t i = 0; i < leaves; ++i) lengths[nodes[i].symbol] = static_cast<std::uint8_t>(depth[i]);
    assign();
  }

 private:
  // RFC 1951, 3.2.2.
  void assign() {
    std::array<unsigned, 16> count{}, next{};
    for (const std::uint8_t length : lengths) ++count[length];
    count[0] = 0;
    for (unsigned code = 0, length = 1; length < 16; ++length) next[length] = code = (code + count[length - 1]) << 1;
    for (std::size_t s = 0; s < N; ++s) {
      if (lengths[s] == 0) continue;
      unsigned code = next[lengths[s]]++, reversed = 0;
      for (unsigned i = 0; i < lengths[s]; ++i) reversed |= (code >> i & 1) << (lengths[s] - 1 - i);
      bits[s] = static_cast<std::uint16_t>(reversed);
    }
  }
};

}  // namespace

TraceDeflate::TraceDeflate() : long_table_(std::size_t{1} << table_bits), short_table_(std::size_t{1} << table_bits) { symbols_.reserve(block_symbols); }

// Whole words are written as they fill up, low byte first; what is beyond `at_` is overwritten later.
void TraceDeflate::put(std::uint64_t bits, unsigned count) {
  bits_ |= bits << bit_count_;
  bit_count_ += count;
  if (bit_count_ < 32) return;
  for (unsigned i = 0; i < 4; ++i) at_[i] = static_cast<char>(bits_ >> (8 * i));
  at_ += 4;
  bits_ >>= 32;
  bit_count_ -= 32;
}
void TraceDeflate::flush_bits() {
  for (; bit_count_ > 0; bit_count_ -= std::min(bit_count_, 8u), bits_ >>= 8) *at_++ = static_cast<char>(bits_);
  bits_ = 0;
}

void TraceDeflate::literal(unsigned char byte) {
  symbols_.push_back({byte, 0});
  ++literal_counts_[byte];
  if (symbols_.size() == block_symbols) end_block(false);
}
void TraceDeflate::match(std::size_t length, std::size_t distance) {
  symbols_.push_back({static_cast<std::uint16_t>(length), static_cast<std::uint16_t>(distance)});
  ++literal_counts_[257u + length_codes[length]];
  ++distance_counts_[distance_code(distance)];
  if (symbols_.size() == block_symbols) end_block(false);
}

void TraceDeflate::find_matches(std::string_view text) {
  const char* const at = text.data();
  const std::size_t size = text.size();
  std::size_t p = 0;
  bool fresh = true;  // a match may begin here
  while (p < size) {
    if (!fresh && is_digit(at[p])) {
      literal(static_cast<unsigned char>(at[p++]));
      continue;
    }
    fresh = false;
    if (size - p < line_key) {
      literal(static_cast<unsigned char>(at[p++]));
      continue;
    }
    const bool line = p == 0 || at[p] == '\n' || at[p - 1] == '\n';
    const auto slot = [](std::uint64_t hash) { return static_cast<std::size_t>(hash >> (64 - table_bits)); };
    std::uint32_t& long_at = long_table_[slot(hash_of(at + p, line ? line_key : long_key))];
    std::uint32_t& short_at = short_table_[slot((load(at + p) << (64 - 8 * short_key)) * odd)];
    std::size_t best = 0, distance = 0;
    for (const std::uint32_t candidate : {long_at, short_at}) {
      if (candidate == 0 || p - (candidate - 1) > window - 1) continue;
      const std::size_t length = common(at + p, at + candidate - 1, size - p);
      if (length > best) {
        best = length;
        distance = p - (candidate - 1);
      }
    }
    long_at = short_at = static_cast<std::uint32_t>(p + 1);
    if (best < shortest) {
      literal(static_cast<unsigned char>(at[p++]));
      continue;
    }
    p += best;
    while (best > 0) {  // no rest below 3, which no code stands for
      const std::size_t piece = best > longest && best < longest + 3 ? longest - 3 : std::min(best, longest);
      match(piece, distance);
      best -= piece;
    }
  }
}

void TraceDeflate::end_block(bool last) {
  ++literal_counts_[end_of_block];
  if (std::all_of(distance_counts_.begin(), distance_counts_.end(), [](auto n) { return n == 0; })) distance_counts_[0] = 1;
  const Code<literals> literal_code(literal_counts_, 15);
  const Code<distances> distance_code_(distance_counts_, 15);
  std::size_t literal_count = literals, distance_count = distances;
  while (literal_count > 257 && literal_code.lengths[literal_count - 1] == 0) --literal_count;
  while (distance_count > 1 && distance_code_.lengths[distance_count - 1] == 0) --distance_count;

  // RFC 1951, 3.2.7: both rows of lengths as one, runs written as runs.
  std::vector<std::uint8_t> lengths(literal_code.lengths.begin(), literal_code.lengths.begin() + static_cast<std::ptrdiff_t>(literal_count));
  lengths.insert(lengths.end(), distance_code_.lengths.begin(), distance_code_.lengths.begin() + static_cast<std::ptrdiff_t>(distance_count));
  struct Run {
    std::uint8_t symbol, extra, extra_bits;
  };
  std::vector<Run> runs;
  for (std::size_t i = 0; i < lengths.size();) {
    std::size_t n = 1;
    while (i + n < lengths.size() && lengths[i + n] == lengths[i]) ++n;
    i += n;
    const std::uint8_t length = lengths[i - 1];
    if (length != 0) {
      runs.push_back({length, 0, 0});
      for (--n; n >= 3; n -= std::min<std::size_t>(n, 6)) runs.push_back({16, static_cast<std::uint8_t>(std::min<std::size_t>(n, 6) - 3), 2});
    } else {
      for (; n >= 11; n -= std::min<std::size_t>(n, 138)) runs.push_back({18, static_cast<std::uint8_t>(std::min<std::size_t>(n, 138) - 11), 7});
      if (n >= 3) {
        runs.push_back({17, static_cast<std::uint8_t>(n - 3), 3});
        n = 0;
      }
    }
    for (; n > 0; --n) runs.push_back({length, 0, 0});
  }
  std::array<std::uint32_t, 19> run_counts{};
  for (const Run& run : runs) ++run_counts[run.symbol];
  const Code<19> run_code(run_counts, 7);
  constexpr std::array<std::uint8_t, 19> order{16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15};
  std::size_t order_count = order.size();
  while (order_count > 4 && run_code.lengths[order[order_count - 1]] == 0) --order_count;

  put(last ? 1 : 0, 1);
  put(2, 2);
  put(literal_count - 257, 5);
  put(distance_count - 1, 5);
  put(order_count - 4, 4);
  for (std::size_t i = 0; i < order_count; ++i) put(run_code.lengths[order[i]], 3);
  for (const Run& run : runs) {
    put(run_code.bits[run.symbol], run_code.lengths[run.symbol]);
    if (run.extra_bits > 0) put(run.extra, run.extra_bits);
  }
  for (const Symbol& s : symbols_) {
    if (s.distance == 0) {
      put(literal_code.bits[s.length_or_byte], literal_code.lengths[s.length_or_byte]);
      continue;
    }
    const unsigned length = length_codes[s.length_or_byte], distance = distance_code(s.distance);
    put(literal_code.bits[257 + length], literal_code.lengths[257 + length]);
    put(static_cast<std::uint64_t>(s.length_or_byte - length_base[length]), length_extra[length]);
    put(distance_code_.bits[distance], distance_code_.lengths[distance]);
    put(static_cast<std::uint64_t>(s.distance - distance_base[distance]), distance_extra[distance]);
  }
  put(literal_code.bits[end_of_block], literal_code.lengths[end_of_block]);
  symbols_.clear();
  literal_counts_ = {};
  distance_counts_ = {};
}

void TraceDeflate::compress(std::string_view text, std::string& out) {
  // At worst a literal takes 15 bits, and each block less than 1 KiB for its codes.
  const std::size_t bound = 2 * text.size() + (text.size() / block_symbols + 2) * 1024;
  if (buffer_.size() < bound) buffer_.resize(bound);
  constexpr std::string_view head("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff", 10);
  at_ = std::copy(head.begin(), head.end(), buffer_.data());
  std::fill(long_table_.begin(), long_table_.end(), 0);
  std::fill(short_table_.begin(), short_table_.end(), 0);
  find_matches(text);
  end_block(true);
  flush_bits();
  for (const std::uint32_t word : {libdeflate_crc32(0, text.data(), text.size()), static_cast<std::uint32_t>(text.size())})
    for (unsigned shift = 0; shift < 32; shift += 8) *at_++ = static_cast<char>(word >> shift);
  out.assign(buffer_.data(), at_);
}

}  // namespace limelight::profiling
