#include "stages/models/jinja/unicode.hpp"

#include <algorithm>
#include <array>
#include <vector>

namespace limelight::stages::jinja {

namespace {

struct PointRange {
  char32_t first, last;
};
template <std::size_t N>
bool within(char32_t point, const std::array<PointRange, N>& ranges) {
  return std::any_of(ranges.begin(), ranges.end(), [point](PointRange range) {
    return point >= range.first && point <= range.last;
  });
}

// Blocks in which an upper-case letter is followed by its lower-case one.
bool has_pairs(char32_t point, bool& upper_is_even) {
  upper_is_even = true;
  if ((point >= 0x100 && point <= 0x12f) || (point >= 0x132 && point <= 0x137) ||
      (point >= 0x14a && point <= 0x177) || (point >= 0x1de && point <= 0x1ef) ||
      (point >= 0x1f8 && point <= 0x21f) || (point >= 0x222 && point <= 0x233) ||
      (point >= 0x370 && point <= 0x373) || (point >= 0x3d8 && point <= 0x3ef) ||
      (point >= 0x460 && point <= 0x481) || (point >= 0x48a && point <= 0x4bf) ||
      (point >= 0x4d0 && point <= 0x52f) || (point >= 0x1e00 && point <= 0x1e95) ||
      (point >= 0x1ea0 && point <= 0x1eff))
    return true;
  upper_is_even = false;
  return (point >= 0x139 && point <= 0x148) || (point >= 0x179 && point <= 0x17e) ||
         (point >= 0x1cd && point <= 0x1dc) || (point >= 0x4c1 && point <= 0x4ce);
}

bool is_cased(char32_t point) { return to_upper(point) != point || to_lower(point) != point; }

// A capital sigma that ends a word becomes a final sigma.
bool ends_word(std::string_view text, std::size_t begin, std::size_t end) {
  if (begin == 0 || (end < text.size() && is_cased(next_point(text, end)))) return false;
  std::size_t before = begin - 1;
  while (before > 0 && (static_cast<unsigned char>(text[before]) & 0xc0) == 0x80) --before;
  return is_cased(next_point(text, before));
}

void append_upper(std::string& out, char32_t point) {
  if (point == 0xdf) out += "SS";
  else append_point(out, to_upper(point));
}
void append_lower(
    std::string& out, std::string_view text, std::size_t begin, std::size_t end, char32_t point) {
  const bool final_sigma = point == 0x3a3 && ends_word(text, begin, end);
  append_point(out, final_sigma ? 0x3c2 : to_lower(point));
}

}  // namespace

char32_t next_point(std::string_view text, std::size_t& at) {
  const auto byte = [&](std::size_t i) { return static_cast<unsigned char>(text[i]); };
  const unsigned char first = byte(at);
  const std::size_t length = first < 0x80                     ? 1
                             : first >= 0xc2 && first < 0xe0  ? 2
                             : first >= 0xe0 && first < 0xf0  ? 3
                             : first >= 0xf0 && first <= 0xf4 ? 4
                                                              : 0;
  if (length == 1) return ++at, first;
  if (length == 0 || at + length > text.size()) return ++at, 0xfffd;
  char32_t point = static_cast<char32_t>(first & (0xff >> (length + 1)));
  for (std::size_t i = 1; i < length; ++i) {
    if ((byte(at + i) & 0xc0) != 0x80) return ++at, 0xfffd;
    point = point << 6 | static_cast<char32_t>(byte(at + i) & 0x3f);
  }
  at += length;
  return point;
}

void append_point(std::string& text, char32_t point) {
  const auto add = [&text](char32_t byte) { text += static_cast<char>(byte); };
  if (point < 0x80) return add(point);
  if (point < 0x800) add(0xc0 | point >> 6);
  else {
    if (point < 0x10000) add(0xe0 | point >> 12);
    else {
      add(0xf0 | point >> 18);
      add(0x80 | (point >> 12 & 0x3f));
    }
    add(0x80 | (point >> 6 & 0x3f));
  }
  add(0x80 | (point & 0x3f));
}

std::size_t count_points(std::string_view text) {
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size(); ++count) next_point(text, at);
  return count;
}

std::size_t byte_of_point(std::string_view text, std::size_t point) {
  std::size_t at = 0;
  for (; point > 0 && at < text.size(); --point) next_point(text, at);
  return at;
}

bool is_space(char32_t point) {
  static constexpr std::array<PointRange, 9> spaces{{{0x9, 0xd},
                                                     {0x1c, 0x20},
                                                     {0x85, 0x85},
                                                     {0xa0, 0xa0},
                                                     {0x1680, 0x1680},
                                                     {0x2000, 0x200a},
                                                     {0x2028, 0x2029},
                                                     {0x202f, 0x202f},
                                                     {0x205f, 0x205f}}};
  return within(point, spaces) || point == 0x3000;
}

bool is_printable(char32_t point) {
  // Controls, formats, separators, surrogates and private use. Points without a character are not
  // in this list, so they count as printable.
  static constexpr std::array<PointRange, 20> hidden{
      {{0, 0x1f},        {0x7f, 0xa0},     {0xad, 0xad},       {0x600, 0x605},
       {0x61c, 0x61c},   {0x6dd, 0x6dd},   {0x70f, 0x70f},     {0x890, 0x891},
       {0x8e2, 0x8e2},   {0x1680, 0x1680}, {0x180e, 0x180e},   {0x2000, 0x200f},
       {0x2028, 0x202f}, {0x205f, 0x206f}, {0x3000, 0x3000},   {0xd800, 0xf8ff},
       {0xfeff, 0xfeff}, {0xfff0, 0xfffb}, {0x1d173, 0x1d17a}, {0xe0000, 0x10ffff}}};
  return !within(point, hidden);
}

bool is_letter(char32_t point) {
  if (point < 0x80) return (point | 0x20) >= 'a' && (point | 0x20) <= 'z';
  static constexpr std::array<PointRange, 12> others{{{0x80, 0xa9},
                                                      {0xab, 0xb4},
                                                      {0xb6, 0xb9},
                                                      {0xbb, 0xbf},
                                                      {0xd7, 0xd7},
                                                      {0xf7, 0xf7},
                                                      {0x300, 0x36f},
                                                      {0x2000, 0x2bff},
                                                      {0x3000, 0x3004},
                                                      {0x3007, 0x3030},
                                                      {0xfe00, 0xfe6f},
                                                      {0xff00, 0xff20}}};
  return !within(point, others) && (point < 0x1f000 || point > 0x1faff) &&
         !(point >= 0xd800 && point <= 0xf8ff);
}

bool is_digit(char32_t point) { return point >= '0' && point <= '9'; }

char32_t to_upper(char32_t point) {
  if (point < 0x80) return point >= 'a' && point <= 'z' ? point - 32 : point;
  if (point == 0xb5) return 0x39c;
  if (point == 0xff) return 0x178;
  if (point == 0x131) return 'I';
  if (point == 0x17f) return 'S';
  if (point >= 0xe0 && point <= 0xfe && point != 0xf7) return point - 32;
  if (point == 0x3ac) return 0x386;
  if (point >= 0x3ad && point <= 0x3af) return point - 37;
  if (point == 0x3c2) return 0x3a3;
  if (point >= 0x3b1 && point <= 0x3cb) return point - 32;
  if (point == 0x3cc) return 0x38c;
  if (point == 0x3cd || point == 0x3ce) return point - 63;
  if (point >= 0x430 && point <= 0x44f) return point - 32;
  if (point >= 0x450 && point <= 0x45f) return point - 80;
  bool upper_is_even = true;
  if (has_pairs(point, upper_is_even) && (point % 2 == 1) == upper_is_even) return point - 1;
  return point;
}

char32_t to_lower(char32_t point) {
  if (point < 0x80) return point >= 'A' && point <= 'Z' ? point + 32 : point;
  if (point >= 0xc0 && point <= 0xde && point != 0xd7) return point + 32;
  if (point == 0x178) return 0xff;
  if (point == 0x386) return 0x3ac;
  if (point >= 0x388 && point <= 0x38a) return point + 37;
  if (point == 0x38c) return 0x3cc;
  if (point == 0x38e || point == 0x38f) return point + 63;
  if (point >= 0x391 && point <= 0x3ab && point != 0x3a2) return point + 32;
  if (point >= 0x410 && point <= 0x42f) return point + 32;
  if (point >= 0x400 && point <= 0x40f) return point + 80;
  if (point == 0x1e9e) return 0xdf;
  bool upper_is_even = true;
  if (has_pairs(point, upper_is_even) && (point % 2 == 0) == upper_is_even) return point + 1;
  return point;
}

std::string upper(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) append_upper(out, next_point(text, at));
  return out;
}

std::string lower(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t point = next_point(text, at);
    append_lower(out, text, begin, at, point);
  }
  return out;
}

std::string capitalize(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t point = next_point(text, at);
    if (begin == 0 && point == 0xdf) out += "Ss";
    else if (begin == 0) append_point(out, to_upper(point));
    else append_lower(out, text, begin, at, point);
  }
  return out;
}

std::string title(std::string_view text) {
  std::string out;
  bool inside = false;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t begin = at;
    const char32_t point = next_point(text, at);
    if (inside) append_lower(out, text, begin, at, point);
    else if (point == 0xdf) out += "Ss";
    else append_point(out, to_upper(point));
    inside = is_cased(point) || point == 0xdf;
  }
  return out;
}

bool is_in_case(std::string_view text, bool upper_case) {
  bool found = false;
  for (std::size_t at = 0; at < text.size();) {
    const char32_t point = next_point(text, at);
    const bool is_upper = to_lower(point) != point,
               is_lower = to_upper(point) != point || point == 0xdf;
    if (upper_case ? is_lower : is_upper) return false;
    found |= is_upper || is_lower;
  }
  return found;
}

namespace {

template <class Remove>
std::string_view strip_if(std::string_view text, Side side, Remove remove) {
  std::size_t begin = 0, end = text.size();
  if (side != Side::right)
    while (begin < end) {
      std::size_t at = begin;
      if (!remove(next_point(text, at))) break;
      begin = at;
    }
  if (side != Side::left)
    while (end > begin) {
      std::size_t last = end - 1;
      while (last > begin && (static_cast<unsigned char>(text[last]) & 0xc0) == 0x80) --last;
      std::size_t at = last;
      if (!remove(next_point(text, at)) || at != end) break;
      end = last;
    }
  return text.substr(begin, end - begin);
}

}  // namespace

std::string_view strip(std::string_view text, Side side) { return strip_if(text, side, is_space); }

std::string_view strip(std::string_view text, std::string_view characters, Side side) {
  std::vector<char32_t> points;
  for (std::size_t at = 0; at < characters.size();) points.push_back(next_point(characters, at));
  std::sort(points.begin(), points.end());
  return strip_if(text, side, [&points](char32_t point) {
    return std::binary_search(points.begin(), points.end(), point);
  });
}

}  // namespace limelight::stages::jinja
