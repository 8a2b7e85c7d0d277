#include "profiling/analysis/json_members.hpp"

#include <charconv>
#include <cstdint>

namespace limelight::profiling {

namespace {

bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
std::size_t after_blanks(std::string_view text, std::size_t at) {
  while (at < text.size() && is_blank(text[at])) ++at;
  return at;
}
std::size_t string_end(std::string_view text, std::size_t at) {
  for (++at; at < text.size(); ++at) {
    if (text[at] == '\\') ++at;
    else if (text[at] == '"') return at + 1;
  }
  return text.size();
}

std::optional<std::uint32_t> unit_at(std::string_view text, std::size_t at) {
  std::uint32_t unit = 0;
  if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return std::nullopt;
  const char *from = text.data() + at + 2, *to = from + 4;
  if (std::from_chars(from, to, unit, 16).ptr != to) return std::nullopt;
  return unit;
}

void add_utf8(std::uint32_t point, std::string& to) {
  const auto put = [&to](std::uint32_t byte) { to += static_cast<char>(byte); };
  if (point < 0x80) {
    put(point);
  } else if (point < 0x800) {
    put(0xc0 | point >> 6);
    put(0x80 | (point & 0x3f));
  } else if (point < 0x10000) {
    put(0xe0 | point >> 12);
    put(0x80 | (point >> 6 & 0x3f));
    put(0x80 | (point & 0x3f));
  } else {
    put(0xf0 | point >> 18);
    put(0x80 | (point >> 12 & 0x3f));
    put(0x80 | (point >> 6 & 0x3f));
    put(0x80 | (point & 0x3f));
  }
}

}  // namespace

std::size_t json_value_end(std::string_view text, std::size_t at) {
  if (at >= text.size()) return text.size();
  if (text[at] == '"') return string_end(text, at);
  if (text[at] != '{' && text[at] != '[') {
    while (at < text.size() && text[at] != ',' && text[at] != '}' && text[at] != ']' &&
           !is_blank(text[at]))
      ++at;
    return at;
  }
  for (std::size_t depth = 0; at < text.size();) {
    const char c = text[at];
    if (c == '"') {
      at = string_end(text, at);
      continue;
    }
    ++at;
    if (c == '{' || c == '[') ++depth;
    else if ((c == '}' || c == ']') && --depth == 0) return at;
  }
  return text.size();
}

std::optional<JsonMember> JsonMembers::next() {
  at_ = after_blanks(text_, at_);
  if (at_ < text_.size() && text_[at_] == ',') at_ = after_blanks(text_, at_ + 1);
  if (at_ >= text_.size() || text_[at_] != '"') return std::nullopt;
  const std::size_t key_end = string_end(text_, at_);
  const std::string_view key = without_quotes(text_.substr(at_, key_end - at_));
  const std::size_t colon = after_blanks(text_, key_end);
  if (colon >= text_.size() || text_[colon] != ':') return std::nullopt;
  const std::size_t begin = after_blanks(text_, colon + 1);
  at_ = json_value_end(text_, begin);
  if (begin == at_) return std::nullopt;
  return JsonMember{key, text_.substr(begin, at_ - begin)};
}

std::optional<std::string_view> json_member(std::string_view object, std::string_view key) {
  std::optional<std::string_view> found;
  JsonMembers members(object);
  while (const auto member = members.next())
    if (member->key == key) found = member->value;
  return found;
}

std::string_view without_quotes(std::string_view value) {
  if (value.size() < 2 || value.front() != '"' || value.back() != '"') return value;
  return value.substr(1, value.size() - 2);
}

std::string unescaped(std::string_view text) {
  if (text.find('\\') == std::string_view::npos) return std::string(text);
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    if (text[at] != '\\' || at + 1 == text.size()) {
      out += text[at++];
      continue;
    }
    if (const auto unit = unit_at(text, at)) {
      at += 6;
      std::uint32_t point = *unit;
      if (point >= 0xd800 && point < 0xe000) {
        const auto low = unit_at(text, at);
        const bool pair = point < 0xdc00 && low && *low >= 0xdc00 && *low < 0xe000;
        if (pair) at += 6;
        point = pair ? 0x10000 + ((point - 0xd800) << 10) + (*low - 0xdc00) : 0xfffd;
      }
      add_utf8(point, out);
      continue;
    }
    const char c = text[at + 1];
    out += c == 'n'   ? '\n'
           : c == 't' ? '\t'
           : c == 'r' ? '\r'
           : c == 'b' ? '\b'
           : c == 'f' ? '\f'
                      : c;
    at += 2;
  }
  return out;
}

std::string text_of_json(std::string_view value) {
  const std::string_view inside = without_quotes(value);
  return inside.size() == value.size() ? std::string(value) : unescaped(inside);
}

}  // namespace limelight::profiling
