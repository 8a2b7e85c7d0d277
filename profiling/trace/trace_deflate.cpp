#include "profiling/trace/trace_deflate.hpp"

#include <libdeflate.h>

#include <algorithm>
#include <bit>
#include <cstring>

namespace limelight::profiling {

namespace {

constexpr std::size_t window = 32768, longest = 258, shortest = 4, end_of_block = 256,
                      block_symbols = 1 << 14;
constexpr std::size_t line_key = 64, long_key = 40, short_key = 6;
// This much text waits for more, unless the member ends, so that few matches are cut short.
constexpr std::size_t lookahead = 320;
constexpr unsigned table_bits = 12;
constexpr std::size_t most_symbol_bits = 15 + 5 + 15 + 13, most_head_bytes = 1024;

// The codes of lengths and distances: RFC 1951, 3.2.5.
constexpr std::array<std::uint16_t, 29> length_base{3,  4,  5,  6,   7,   8,   9,   10,  11, 13,
                                                    15, 17, 19, 23,  27,  31,  35,  43,  51, 59,
                                                    67, 83, 99, 115, 131, 163, 195, 227, 258};
constexpr std::array<std::uint8_t, 29> length_extra{0, 0, 0, 0, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2,
                                                    2, 3, 3, 3, 3, 4, 4, 4, 4, 5, 5, 5, 5, 0};
constexpr std::array<std::uint16_t, 30> distance_base{
    1,   2,   3,   4,   5,   7,    9,    13,   17,   25,   33,   49,   65,    97,    129,
    193, 257, 385, 513, 769, 1025, 1537, 2049, 3073, 4097, 6145, 8193, 12289, 16385, 24577};
constexpr std::array<std::uint8_t, 30> distance_extra{0, 0, 0,  0,  1,  1,  2,  2,  3,  3,
                                                      4, 4, 5,  5,  6,  6,  7,  7,  8,  8,
                                                      9, 9, 10, 10, 11, 11, 12, 12, 13, 13};

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

bool is_digit(char c) { return static_cast<unsigned char>(c - '.') <= '9' - '.' && c != '/'; }

std::uint64_t load(const char* from) {
  std::uint64_t word;
  std::memcpy(&word, from, sizeof word);
  return word;
}
void store(char* to, std::uint64_t word) {
  if constexpr (std::endian::native == std::endian::big) word = __builtin_bswap64(word);
  std::memcpy(to, &word, sizeof word);
}
constexpr std::uint64_t odd = 0x9e3779b97f4a7c15u;
// A sum of products, which the processor can compute in parallel.
template <std::size_t Bytes>
std::uint64_t hash_of(const char* from) {
  std::uint64_t hash = 0, factor = odd;
  for (std::size_t i = 0; i < Bytes; i += 8, factor = factor * odd + 2) {
    const std::uint64_t word = load(from + i);
    hash += (word ^ word >> 32) * factor;
  }
  return hash;
}

std::size_t common(const char* a, const char* b, std::size_t most) {
  std::size_t n = 0;
  for (; n + 8 <= most; n += 8)
    if (const std::uint64_t difference = load(a + n) ^ load(b + n); difference != 0)
      return n + static_cast<std::size_t>(std::countr_zero(difference)) / 8;
  while (n < most && a[n] == b[n]) ++n;
  return n;
}

// A Huffman code with at most `limit` bits for each symbol.
template <std::size_t N>
struct Code {
  std::array<std::uint8_t, N> lengths{};
  std::array<std::uint16_t, N> bits{};  // reversed: deflate sends the first bit lowest

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
    std::stable_sort(nodes.begin(), nodes.end(),
                     [](const Node& a, const Node& b) { return a.count < b.count; });
    const std::size_t leaves = nodes.size();
    // Huffman's algorithm with two queues, both in the order of counts: the leaves, and the nodes
    // made from them.
    std::size_t leaf = 0, made = leaves;
    const auto pop_smallest = [&] {
      const bool from_leaves =
          leaf < leaves && (made == nodes.size() || nodes[leaf].count <= nodes[made].count);
      return static_cast<int>(from_leaves ? leaf++ : made++);
    };
    nodes.reserve(2 * leaves);
    while (nodes.size() < 2 * leaves - 1) {
      const int a = pop_smallest(), b = pop_smallest();
      nodes.push_back(
          {nodes[static_cast<std::size_t>(a)].count + nodes[static_cast<std::size_t>(b)].count, a,
           b, 0});
    }
    std::vector<unsigned> depth(nodes.size());
    for (std::size_t i = nodes.size(); i-- > leaves;)
      for (const int child : {nodes[i].left, nodes[i].right})
        depth[static_cast<std::size_t>(child)] = depth[i] + 1;
    // Codes that are too long are shortened to the limit. Then the sum of 2^-length exceeds 1 until
    // other codes, the rarest first, are lengthened.
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
    // If too many were lengthened, the most frequent are shortened again.
    for (std::size_t i = leaves; i-- > 0;)
      while (depth[i] > 1 && sum + (std::uint64_t{1} << (limit - depth[i])) <= whole) {
        sum += std::uint64_t{1} << (limit - depth[i]);
        --depth[i];
      }
    for (std::size_t i = 0; i < leaves; ++i)
      lengths[nodes[i].symbol] = static_cast<std::uint8_t>(depth[i]);
    assign();
  }

 private:
  // Assigns the canonical codes of these lengths: RFC 1951, 3.2.2.
  void assign() {
    std::array<unsigned, 16> count{}, next{};
    for (const std::uint8_t length : lengths) ++count[length];
    count[0] = 0;
    for (unsigned code = 0, length = 1; length < 16; ++length)
      next[length] = code = (code + count[length - 1]) << 1;
    for (std::size_t s = 0; s < N; ++s) {
      if (lengths[s] == 0) continue;
      unsigned code = next[lengths[s]]++, reversed = 0;
      for (unsigned i = 0; i < lengths[s]; ++i) reversed |= (code >> i & 1) << (lengths[s] - 1 - i);
      bits[s] = static_cast<std::uint16_t>(reversed);
    }
  }
};

}  // namespace

TraceDeflate::TraceDeflate()
    : text_(2 * window),
      long_table_(std::size_t{1} << table_bits),
      short_table_(std::size_t{1} << table_bits),
      symbols_(block_symbols) {}

// Appends `count` bits, at most 56. It always stores 8 bytes, low byte first; the next call
// overwrites those beyond the last whole byte.
void TraceDeflate::put(std::uint64_t bits, unsigned count) {
  bits_ |= bits << bit_count_;
  bit_count_ += count;
  store(at_, bits_);
  at_ += bit_count_ / 8;
  bits_ >>= bit_count_ / 8 * 8;
  bit_count_ %= 8;
}

void TraceDeflate::literal(unsigned char byte) {
  symbols_[symbol_count_++] = {byte, 0};
  ++literal_counts_[byte];
  if (symbol_count_ == block_symbols) end_block(false);
}
void TraceDeflate::match(std::size_t length, std::size_t distance) {
  symbols_[symbol_count_++] = {static_cast<std::uint16_t>(length),
                               static_cast<std::uint16_t>(distance)};
  ++literal_counts_[257u + length_codes[length]];
  ++distance_counts_[distance_code(distance)];
  if (symbol_count_ == block_symbols) end_block(false);
}

// Makes room in text_, but keeps one window of text before next_.
void TraceDeflate::slide() {
  const std::size_t gone = next_ - std::min(next_, window);
  std::memmove(text_.data(), text_.data() + gone, size_ - gone);
  next_ -= gone;
  size_ -= gone;
  base_ += static_cast<std::uint32_t>(gone);
}

void TraceDeflate::find_matches(bool last) {
  const char* const at = text_.data();
  const std::size_t end = last ? size_ : size_ - std::min(size_, lookahead);
  std::size_t p = next_;
  bool fresh = fresh_;
  while (p < end) {
    if (!fresh)
      while (p < end && is_digit(at[p])) literal(static_cast<unsigned char>(at[p++]));
    if (p == end) break;
    fresh = false;
    if (size_ - p < line_key) {
      literal(static_cast<unsigned char>(at[p++]));
      continue;
    }
    const std::uint32_t position = base_ + static_cast<std::uint32_t>(p);
    const bool line = position == start_ || at[p] == '\n' || at[p - 1] == '\n';
    const auto slot = [](std::uint64_t hash) {
      return static_cast<std::size_t>(hash >> (64 - table_bits));
    };
    std::uint32_t& long_at =
        long_table_[slot(line ? hash_of<line_key>(at + p) : hash_of<long_key>(at + p))];
    std::uint32_t& short_at = short_table_[slot((load(at + p) << (64 - 8 * short_key)) * odd)];
    std::size_t best = 0, distance = 0;
    for (const std::uint32_t candidate : {long_at, short_at}) {
      const std::size_t back = position + 1 - candidate;
      if (candidate <= start_ || back >= window) continue;
      const std::size_t length = common(at + p, at + p - back, size_ - p);
      if (length > best) {
        best = length;
        distance = back;
      }
      if (best >= long_key) break;
    }
    long_at = short_at = position + 1;
    if (best < shortest) {
      literal(static_cast<unsigned char>(at[p++]));
      continue;
    }
    p += best;
    while (best > 0) {  // no rest shorter than 3, which has no code
      const std::size_t piece =
          best > longest && best < longest + 3 ? longest - 3 : std::min(best, longest);
      match(piece, distance);
      best -= piece;
    }
  }
  next_ = p;
  fresh_ = fresh || p == size_;  // the match may continue in the next text
}

void TraceDeflate::end_block(bool last) {
  ++literal_counts_[end_of_block];
  if (std::all_of(distance_counts_.begin(), distance_counts_.end(), [](auto n) { return n == 0; }))
    distance_counts_[0] = 1;
  const Code<literals> literal_code(literal_counts_, 15);
  const Code<distances> distance_code_(distance_counts_, 15);
  std::size_t literal_count = literals, distance_count = distances;
  while (literal_count > 257 && literal_code.lengths[literal_count - 1] == 0) --literal_count;
  while (distance_count > 1 && distance_code_.lengths[distance_count - 1] == 0) --distance_count;

  // The code lengths of both codes as one sequence, with runs encoded: RFC 1951, 3.2.7.
  std::vector<std::uint8_t> lengths(
      literal_code.lengths.begin(),
      literal_code.lengths.begin() + static_cast<std::ptrdiff_t>(literal_count));
  lengths.insert(lengths.end(), distance_code_.lengths.begin(),
                 distance_code_.lengths.begin() + static_cast<std::ptrdiff_t>(distance_count));
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
      for (--n; n >= 3; n -= std::min<std::size_t>(n, 6))
        runs.push_back({16, static_cast<std::uint8_t>(std::min<std::size_t>(n, 6) - 3), 2});
    } else {
      for (; n >= 11; n -= std::min<std::size_t>(n, 138))
        runs.push_back({18, static_cast<std::uint8_t>(std::min<std::size_t>(n, 138) - 11), 7});
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
  constexpr std::array<std::uint8_t, 19> order{16, 17, 18, 0, 8,  7, 9,  6, 10, 5,
                                               11, 4,  12, 3, 13, 2, 14, 1, 15};
  std::size_t order_count = order.size();
  while (order_count > 4 && run_code.lengths[order[order_count - 1]] == 0) --order_count;

  const auto used = static_cast<std::size_t>(at_ - out_.data());
  const std::size_t wanted =
      used + most_head_bytes + symbol_count_ * most_symbol_bits / 8 + sizeof(std::uint64_t);
  if (out_.size() < wanted) {
    out_.resize(wanted);
    at_ = out_.data() + used;
  }
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
  // Local copies: otherwise the compiler must assume that a stored byte changes these members.
  char* at = at_;
  std::uint64_t bits = bits_;
  unsigned bit_count = bit_count_;
  const auto more = [&](std::uint64_t value, unsigned width) {
    bits |= value << bit_count;
    bit_count += width;
  };
  const auto write_bytes = [&] {
    store(at, bits);
    at += bit_count / 8;
    bits >>= bit_count / 8 * 8;
    bit_count %= 8;
  };
  for (std::size_t i = 0; i < symbol_count_; ++i) {
    const Symbol s = symbols_[i];
    if (s.distance == 0) {
      more(literal_code.bits[s.length_or_byte], literal_code.lengths[s.length_or_byte]);
      if (bit_count > 63 - 15) write_bytes();
      continue;
    }
    if (bit_count > 7) write_bytes();
    const unsigned length = length_codes[s.length_or_byte], distance = distance_code(s.distance);
    more(literal_code.bits[257 + length], literal_code.lengths[257 + length]);
    more(static_cast<std::uint64_t>(s.length_or_byte - length_base[length]), length_extra[length]);
    more(distance_code_.bits[distance], distance_code_.lengths[distance]);
    more(static_cast<std::uint64_t>(s.distance - distance_base[distance]),
         distance_extra[distance]);
    write_bytes();
  }
  write_bytes();
  at_ = at;
  bits_ = bits;
  bit_count_ = bit_count;
  put(literal_code.bits[end_of_block], literal_code.lengths[end_of_block]);
  symbol_count_ = 0;
  literal_counts_ = {};
  distance_counts_ = {};
}

void TraceDeflate::begin() {
  open_ = true;
  crc_ = length_ = 0;
  // Matches must not point to earlier members. Positions restart long before they overflow.
  base_ += static_cast<std::uint32_t>(size_);
  if (base_ > std::uint32_t{1} << 31) {
    base_ = 0;
    std::fill(long_table_.begin(), long_table_.end(), 0);
    std::fill(short_table_.begin(), short_table_.end(), 0);
  }
  start_ = base_;
  next_ = size_ = 0;
  fresh_ = true;
  constexpr std::string_view head("\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff", 10);
  if (out_.size() < most_head_bytes) out_.resize(most_head_bytes);
  at_ = std::copy(head.begin(), head.end(), out_.data());
}

void TraceDeflate::add(std::string_view text) {
  if (!open_) begin();
  crc_ = libdeflate_crc32(crc_, text.data(), text.size());
  length_ += static_cast<std::uint32_t>(text.size());
  while (!text.empty()) {
    if (size_ == text_.size()) slide();
    const std::size_t piece = std::min(text.size(), text_.size() - size_);
    std::memcpy(text_.data() + size_, text.data(), piece);
    size_ += piece;
    text.remove_prefix(piece);
    find_matches(false);
  }
}

std::string_view TraceDeflate::finish() {
  if (!open_) begin();
  find_matches(true);
  end_block(true);
  if (bit_count_ > 0) put(0, 8 - bit_count_);
  put(crc_, 32);
  put(length_, 32);
  open_ = false;
  return {out_.data(), at_};
}

}  // namespace limelight::profiling
