#include "stages/models/characters.hpp"

#include <algorithm>

namespace limelight::stages {

namespace {

// Whether a character is White_Space, by Unicode's PropList.
bool is_blank(std::string_view character) {
  if (character.size() == 1)
    return character[0] == ' ' || (character[0] >= 9 && character[0] <= 13);
  if (character.size() == 2) return character == "\u0085" || character == "\u00a0";
  static constexpr std::string_view others[] = {"\u1680", "\u2028", "\u2029",
                                                "\u202f", "\u205f", "\u3000"};
  return (character >= "\u2000" && character <= "\u200a" && character.size() == 3) ||
         std::find(std::begin(others), std::end(others), character) != std::end(others);
}

}  // namespace

std::size_t character_length(std::string_view text) {
  const auto first = static_cast<unsigned char>(text.front());
  const std::size_t length = first >= 0xf0 && first < 0xf8   ? 4
                             : first >= 0xe0 && first < 0xf0 ? 3
                             : first >= 0xc2 && first < 0xe0 ? 2
                                                             : 1;
  if (length > text.size()) return 1;
  for (std::size_t i = 1; i < length; ++i)
    if ((static_cast<unsigned char>(text[i]) & 0xc0) != 0x80) return 1;
  return length;
}

std::size_t leading_blanks(std::string_view text) {
  std::size_t end = 0;
  while (end < text.size()) {
    const std::size_t length = character_length(text.substr(end));
    if (!is_blank(text.substr(end, length))) break;
    end += length;
  }
  return end;
}

std::size_t trailing_blanks(std::string_view text) {
  std::size_t begin = text.size();
  while (begin > 0) {
    std::size_t first = begin - 1;
    while (first > 0 && begin - first < 4 &&
           (static_cast<unsigned char>(text[first]) & 0xc0) == 0x80)
      --first;
    if (!is_blank(text.substr(first, begin - first))) break;
    begin = first;
  }
  return text.size() - begin;
}

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string out;
  std::size_t at = 0;
  for (std::size_t found; (found = text.find(from, at)) != std::string_view::npos;) {
    out.append(text.substr(at, found - at)).append(to);
    at = found + from.size();
  }
  return out.append(text.substr(at));
}

}  // namespace limelight::stages
