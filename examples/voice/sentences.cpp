#include "sentences.hpp"

#include <utf8proc.h>

#include <algorithm>
#include <array>

namespace voice {

namespace {

constexpr std::array<std::string_view, 16> abbreviations{
    "Dr", "Mr", "Mrs", "Ms",  "Prof", "St",     "Sr",  "Jr",
    "vs", "No", "Fig", "e.g", "i.e",  "approx", "Inc", "cf"};
// These end a sentence whatever follows: full-width, Devanagari, Urdu, Arabic.
constexpr std::array<std::string_view, 6> sure_ends{"\u3002", "\uff01", "\uff1f",
                                                    "\u0964", "\u06d4", "\u061f"};
// What may stand between the end of a sentence and the blank behind it.
constexpr std::array<std::string_view, 10> closing{
    "\"", "'", ")", "]", "*", "\u201d", "\u2019", "\u00bb", "\u300d", "\u300f"};

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
bool is_letter(char c) { return is_lower(c) || (c >= 'A' && c <= 'Z'); }
bool inside_character(char c) { return (static_cast<unsigned char>(c) & 0xc0u) == 0x80u; }

// The bytes of the mark at the beginning of `text`; 0: none of them.
template <std::size_t n>
std::size_t starts_with_one_of(const std::array<std::string_view, n>& marks,
                               std::string_view text) {
  for (const std::string_view mark : marks)
    if (text.starts_with(mark)) return mark.size();
  return 0;
}

// Whether the full stop at `at` belongs to the word before it.
bool belongs_to_word(std::string_view text, std::size_t at) {
  std::size_t begin = at;
  while (begin > 0 && !is_blank(text[begin - 1]) && text[begin - 1] != '(') --begin;
  const std::string_view word = text.substr(begin, at - begin);
  if (word.size() == 1 && is_letter(word[0]) && word != "I") return true;
  if (std::find(abbreviations.begin(), abbreviations.end(), word) != abbreviations.end())
    return true;
  const bool leads = std::all_of(text.begin(), text.begin() + static_cast<long>(begin), is_blank);
  return leads && !word.empty() && std::all_of(word.begin(), word.end(), is_digit);
}

// Without control characters, bytes that are no UTF-8, and the marks of Markdown.
std::string speakable(std::string_view text) {
  std::string said;
  bool any = false;  // that has a sound
  while (!text.empty()) {
    utf8proc_int32_t character = 0;
    const auto length = utf8proc_iterate(reinterpret_cast<const utf8proc_uint8_t*>(text.data()),
                                         static_cast<utf8proc_ssize_t>(text.size()), &character);
    const std::string_view bytes =
        text.substr(0, length > 0 ? static_cast<std::size_t>(length) : 1);
    text.remove_prefix(bytes.size());
    const auto kind = length > 0 ? utf8proc_category(character) : UTF8PROC_CATEGORY_CC;
    if (kind == UTF8PROC_CATEGORY_CC || kind == UTF8PROC_CATEGORY_ZS) {
      if (!said.empty() && said.back() != ' ') said += ' ';
    } else if (bytes != "*" && bytes != "_" && bytes != "`" && bytes != "#") {
      said += bytes;
      const bool letter_or_number = kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_NO;
      any = any || letter_or_number || kind == UTF8PROC_CATEGORY_SC || kind == UTF8PROC_CATEGORY_SO;
    }
  }
  if (said.ends_with(' ')) said.pop_back();
  return any ? said : std::string();
}

}  // namespace

std::size_t Sentences::end_of_first() const {
  const std::string_view text = text_;
  for (std::size_t i = 0; i < std::min(text.size(), most_bytes); ++i) {
    if (text[i] == '\n') return i + 1;
    if (const auto mark = starts_with_one_of(sure_ends, text.substr(i))) {
      std::size_t end = i + mark;
      while (const auto more = starts_with_one_of(closing, text.substr(end))) end += more;
      return end;
    }
    if (text[i] != '.' && text[i] != '!' && text[i] != '?') continue;
    std::size_t end = i + 1;
    while (const auto more = starts_with_one_of(closing, text.substr(end))) end += more;
    if (end < text.size() && !is_blank(text[end])) continue;
    const std::size_t next = text.find_first_not_of(" \t\r", end);
    if (next == std::string_view::npos) break;  // what follows decides
    if (text[i] != '.' || !(belongs_to_word(text, i) || is_lower(text[next]))) return end;
  }
  if (text.size() > most_bytes) {
    const std::string_view first = text.substr(0, most_bytes);
    for (const char* marks : {",;:", " \t\r"})
      if (const auto at = first.find_last_of(marks); at != std::string_view::npos) return at + 1;
    // Bytes that are no UTF-8 are cut where the limit is.
    std::size_t cut = most_bytes;
    while (cut > most_bytes - 4 && inside_character(text[cut])) --cut;
    return cut;
  }
  return finished_ ? text.size() : 0;
}

std::optional<std::string> Sentences::next() {
  while (const std::size_t end = end_of_first()) {
    std::string sentence = speakable(std::string_view(text_).substr(0, end));
    text_.erase(0, end);
    if (!sentence.empty()) return sentence;
  }
  return std::nullopt;
}

}  // namespace voice
