#include "sentences.hpp"

#include <algorithm>
#include <array>

namespace voice {

namespace {

constexpr std::array<std::string_view, 16> abbreviations{
    "Dr", "Mr", "Mrs", "Ms",  "Prof", "St",     "Sr",  "Jr",
    "vs", "No", "Fig", "e.g", "i.e",  "approx", "Inc", "cf"};

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool inside_character(char c) { return (static_cast<unsigned char>(c) & 0xc0u) == 0x80u; }

// Whether the full stop at `at` belongs to the word before it.
bool belongs_to_word(std::string_view text, std::size_t at) {
  std::size_t begin = at;
  while (begin > 0 && !is_blank(text[begin - 1]) && text[begin - 1] != '(') --begin;
  const std::string_view word = text.substr(begin, at - begin);
  if (word.size() == 1 && is_letter(word[0]) && word != "I") return true;
  if (std::find(abbreviations.begin(), abbreviations.end(), word) != abbreviations.end())
    return true;
  const bool leads =
      std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(begin), is_blank);
  return leads && !word.empty() && std::all_of(word.begin(), word.end(), is_digit);
}

bool closes(char c) { return c == '"' || c == '\'' || c == ')' || c == ']' || c == '*'; }

std::string speakable(std::string_view text) {
  std::string said;
  bool any = false;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || is_blank(c)) {
      if (!said.empty() && said.back() != ' ') said += ' ';
    } else if (c != '*' && c != '_' && c != '`' && c != '#') {
      said += c;
      any = any || is_letter(c) || is_digit(c) || byte >= 0x80;
    }
  }
  return any ? said : std::string();
}

}  // namespace

std::size_t Sentences::end_of_first() const {
  const std::string_view text = text_;
  const std::size_t most = std::min(text.size(), most_bytes);
  for (std::size_t i = 0; i < most; ++i) {
    if (text[i] == '\n') return i + 1;
    for (const std::string_view wide : {"\u3002", "\uff01", "\uff1f"})
      if (text.substr(i).starts_with(wide)) return i + wide.size();
    if (text[i] != '.' && text[i] != '!' && text[i] != '?') continue;
    std::size_t end = i + 1;
    while (end < text.size() && closes(text[end])) ++end;
    if (end == text.size()) break;  // what follows decides
    if (is_blank(text[end]) && !(text[i] == '.' && belongs_to_word(text, i))) return end;
  }
  if (text.size() > most_bytes) {
    std::size_t cut = text.substr(0, most_bytes).find_last_of(",;:");
    if (cut == std::string_view::npos) cut = text.substr(0, most_bytes).find_last_of(" \t\r");
    if (cut != std::string_view::npos) return cut + 1;
    cut = most_bytes;
    // Bytes that are no UTF-8 are cut where the limit is.
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
