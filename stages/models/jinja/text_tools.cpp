#include "stages/models/jinja/text_tools.hpp"

#include <algorithm>

#include "stages/models/jinja/printing.hpp"
#include "stages/models/jinja/search.hpp"
#include "stages/models/jinja/unicode.hpp"

namespace limelight::stages::jinja {

std::string replace(std::string_view text,
                    std::string_view from,
                    std::string_view to,
                    std::int64_t count,
                    Budget& budget) {
  std::string out;
  std::size_t at = 0;
  const auto add = [&](std::string_view part) {
    budget.check_text(out.size() + part.size());
    budget.copy(part.size());
    out += part;
  };
  for (; count != 0; --count) {
    const std::size_t found = find_text(text, from, at);
    if (found == std::string::npos) break;
    add(text.substr(at, found - at));
    add(to);
    at = found + from.size();
    if (!from.empty()) continue;
    // The empty text stands before each point and at the end.
    if (at == text.size()) return out;
    const std::size_t begin = at;
    next_point(text, at);
    add(text.substr(begin, at - begin));
  }
  add(text.substr(at));
  return out;
}

std::vector<std::string_view> split_lines(std::string_view text, bool keep, Budget& budget) {
  budget.copy(text.size());
  std::vector<std::string_view> lines;
  for (std::size_t begin = 0, at = 0; at < text.size();) {
    const std::size_t end = at;
    const char32_t point = next_point(text, at);
    const bool ends_line = (point >= 0xa && point <= 0xd) || (point >= 0x1c && point <= 0x1e) ||
                           point == 0x85 || point == 0x2028 || point == 0x2029;
    if (point == '\r' && at < text.size() && text[at] == '\n') ++at;
    if (!ends_line && at < text.size()) continue;
    budget.step();
    lines.push_back(text.substr(begin, (keep || !ends_line ? at : end) - begin));
    begin = at;
  }
  return lines;
}

std::vector<std::string_view> split_at_space(std::string_view text,
                                             std::int64_t limit,
                                             bool from_right,
                                             Budget& budget) {
  budget.copy(text.size());
  std::vector<std::string_view> parts;
  text = strip(text, from_right ? Side::right : Side::left);
  while (!text.empty()) {
    budget.step();
    if (limit-- == 0) {
      parts.push_back(text);  // with the whitespace at its other end
      break;
    }
    std::size_t begin = 0, end = text.size();
    if (from_right) {
      begin = text.size();
      while (begin > 0) {
        std::size_t before = begin - 1;
        while (before > 0 && (static_cast<unsigned char>(text[before]) & 0xc0) == 0x80) --before;
        std::size_t at = before;
        if (is_space(next_point(text, at))) break;
        begin = before;
      }
    } else {
      for (end = 0; end < text.size();) {
        std::size_t at = end;
        if (is_space(next_point(text, at))) break;
        end = at;
      }
    }
    parts.push_back(text.substr(begin, end - begin));
    text = from_right ? strip(text.substr(0, begin), Side::right)
                      : strip(text.substr(end), Side::left);
  }
  if (from_right) std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<std::string_view> split_at(std::string_view text,
                                       std::string_view separator,
                                       std::int64_t limit,
                                       bool from_right,
                                       Budget& budget) {
  if (separator.empty()) fail("split: found an empty separator, expected one with characters");
  budget.copy(text.size());
  std::vector<std::string_view> parts;
  for (; limit != 0; --limit) {
    budget.step();
    const std::size_t found =
        from_right ? find_last(text, separator, budget) : find_text(text, separator);
    if (found == std::string::npos) break;
    parts.push_back(from_right ? text.substr(found + separator.size()) : text.substr(0, found));
    text = from_right ? text.substr(0, found) : text.substr(found + separator.size());
  }
  parts.push_back(text);
  if (from_right) std::reverse(parts.begin(), parts.end());
  return parts;
}

std::size_t find_last(std::string_view text, std::string_view part, Budget& budget) {
  if (part.size() > text.size()) return std::string::npos;
  std::size_t compared = 0;
  for (std::size_t at = text.size() - part.size() + 1; at-- > 0;) {
    std::size_t same = 0;
    while (same < part.size() && text[at + same] == part[same]) ++same;
    if (same == part.size()) return at;
    compared += same + 1;
    if (compared >= 64) budget.copy(std::exchange(compared, 0));
  }
  return std::string::npos;
}

std::string padded(
    std::string_view text, std::int64_t width, char32_t fill, Align align, Budget& budget) {
  const auto points = static_cast<std::int64_t>(count_points(text));
  const std::int64_t missing = std::max<std::int64_t>(width - points, 0);
  std::string one;
  append_point(one, fill);
  std::int64_t left = align == Align::right ? missing : 0;
  // Where the two sides cannot be equal, Python puts one more to the left in an odd width.
  if (align == Align::center) left = missing / 2 + (missing & width & 1);
  return repeated(one, left, budget) + std::string(text) + repeated(one, missing - left, budget);
}

std::string repeated(std::string_view text, std::int64_t count, Budget& budget) {
  if (count <= 0 || text.empty()) return "";
  const std::size_t most = budget.limits().text_bytes;
  budget.text(static_cast<std::size_t>(count) > most / text.size()
                  ? most + 1
                  : text.size() * static_cast<std::size_t>(count));
  std::string out;
  out.reserve(text.size() * static_cast<std::size_t>(count));
  for (; count > 0; --count) out += text;
  return out;
}

std::string joined(const std::vector<Value>& items,
                   std::string_view separator,
                   bool strict,
                   Budget& budget) {
  std::string out;
  bool first = true;
  for (const Value& item : items) {
    if (strict && !item.is(Kind::string))
      fail("join: found an item of type " + std::string(item.type_name()) + ", expected strings");
    if (!std::exchange(first, false)) out += separator;
    budget.copy(separator.size() + item.weight());
    print(item, out, false, 0);
    budget.check_text(out.size());
  }
  return out;
}

std::string escaped(std::string_view text, Budget& budget) {
  std::string out;
  for (const char c : text)
    if (c == '&') out += "&amp;";
    else if (c == '<') out += "&lt;";
    else if (c == '>') out += "&gt;";
    else if (c == '\'') out += "&#39;";
    else if (c == '"') out += "&#34;";
    else out += c;
  budget.text(out.size());
  return out;
}

}  // namespace limelight::stages::jinja
