#include "profiling/analysis/any_event.hpp"

#include <algorithm>
#include <charconv>

#include "profiling/analysis/json_members.hpp"
#include "profiling/analysis/json_text.hpp"

namespace limelight::profiling {

namespace {

// The half of a surrogate pair that \uXXXX at the beginning of a text stands for; 0 if it is none.
unsigned surrogate_at(std::string_view text) {
  unsigned unit = 0;
  if (text.size() < 6 || text[0] != '\\' || text[1] != 'u' ||
      std::from_chars(text.data() + 2, text.data() + 6, unit, 16).ptr != text.data() + 6)
    return 0;
  return unit >= 0xd800 && unit < 0xe000 ? unit : 0;
}

}  // namespace

std::string well_formed(std::string_view text, Mended* mended) {
  Mended unwanted;
  Mended& what = mended != nullptr ? *mended : unwanted;
  constexpr std::string_view replacement = "\xef\xbf\xbd";
  std::string out;
  out.reserve(text.size());
  for (bool quoted = false; !text.empty();) {
    std::size_t length = utf8_sequence(text);
    const unsigned unit = quoted ? surrogate_at(text) : 0;
    std::string_view put = text.substr(0, std::max<std::size_t>(length, 1));
    if (length == 0) {
      put = replacement;
      length = 1;
      what.utf8 = true;
    } else if (unit != 0) {
      const bool pair = unit < 0xdc00 && surrogate_at(text.substr(6)) >= 0xdc00;
      length = pair ? 12 : 6;
      put = pair ? text.substr(0, length) : replacement;
      what.surrogates = what.surrogates || !pair;
    } else if (quoted && text[0] == '\\') {
      length = std::min<std::size_t>(2, text.size());
      put = text.substr(0, length);
    } else if (quoted && static_cast<unsigned char>(text[0]) < 0x20) {
      put = " ";  // a control character that should have been escaped
      what.controls = true;
    } else if (text[0] == '"') {
      quoted = !quoted;
    } else if (!quoted) {
      for (const std::string_view word : {"NaN", "-Infinity", "Infinity"})
        if (text.starts_with(word)) {
          length = word.size();
          put = "null";
          what.numbers = true;
        }
    }
    out += put;
    text.remove_prefix(length);
  }
  return out;
}

std::optional<std::int64_t> exact_nanoseconds(std::string_view text) {
  const auto blank = [](char c) { return c == ' '; };
  while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && blank(text.back())) text.remove_suffix(1);
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  std::string digits;
  std::int64_t point = -1, exponent = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c >= '0' && c <= '9') {
      digits += c;
    } else if (c == '.' && point < 0) {
      point = static_cast<std::int64_t>(digits.size());
    } else if ((c == 'e' || c == 'E') && i + 1 < text.size() && !digits.empty()) {
      const std::size_t from = i + (text[i + 1] == '+' ? 2 : 1);
      const char* end = text.data() + text.size();
      if (std::from_chars(text.data() + from, end, exponent).ptr != end || exponent > 30 ||
          exponent < -30)
        return std::nullopt;
      break;
    } else {
      return std::nullopt;
    }
  }
  if (digits.empty() || digits.size() > 60) return std::nullopt;
  if (point < 0) point = static_cast<std::int64_t>(digits.size());
  point += exponent + 3;  // microseconds to nanoseconds
  std::int64_t value = 0;
  for (std::int64_t i = 0; i < point; ++i) {
    const auto at = static_cast<std::size_t>(i);
    const std::int64_t digit = at < digits.size() ? digits[at] - '0' : 0;
    if (value > (INT64_MAX - digit) / 10) return std::nullopt;
    value = value * 10 + digit;
  }
  if (point >= 0 && static_cast<std::size_t>(point) < digits.size() && value < INT64_MAX &&
      digits[static_cast<std::size_t>(point)] >= '5')
    ++value;
  return negative ? -value : value;
}

std::int64_t AnyEventReader::number_of(const std::string& text) {
  std::int64_t number = 0;
  const char* end = text.data() + text.size();
  auto [stop, failed] = std::from_chars(text.data(), end, number);
  while (failed == std::errc{} && stop != end && (*stop == '.' || *stop == '0')) ++stop;  // 12.0
  if (failed == std::errc{} && stop == end) return number;
  return numbers_.emplace(text, first_of_texts + static_cast<std::int64_t>(numbers_.size()))
      .first->second;
}

std::string AnyEventReader::text_of(std::int64_t id) const {
  for (const auto& [text, number] : numbers_)
    if (number == id) return text;
  return "";
}

std::optional<AnyEvent> AnyEventReader::read(std::string_view text) {
  AnyEvent event;
  std::string repaired;
  fault_ = Fault::damaged;
  mended_ = {};
  if (!is_json(text)) {
    repaired = well_formed(text, &mended_);
    if (!is_json(repaired)) return std::nullopt;
    text = repaired;
    event.repaired = true;
  }
  const auto time = [&event](std::string_view value) {
    auto ns = exact_nanoseconds(without_quotes(value));
    if (!ns && value != "null") event.has_times = false;
    return ns;
  };
  fault_ = Fault::no_phase;
  JsonMembers members(text);
  while (const auto member = members.next()) {
    const auto& [key, value] = *member;
    const bool is_text = value.front() == '"', is_null = value == "null",
               is_tree = value.front() == '{' || value.front() == '[';
    if (key == "ph") {
      if (is_text && value.size() == 3) event.phase = value[1];
    } else if (key == "name") {
      if (!is_null && !is_tree) event.name = text_of_json(value);
      if (is_text) event.name_json = value;
    } else if (key == "cat") {
      if (is_text) {
        event.category = text_of_json(value);
        event.category_json = value;
      }
    } else if (key == "pid" || key == "tid") {
      if (!is_null && !is_tree)
        (key == "pid" ? event.pid : event.tid) = number_of(text_of_json(value));
    } else if (key == "ts") {
      event.begin_ns = time(value);
    } else if (key == "dur") {
      event.duration_ns = time(value);
    } else if (key == "args") {
      if (value.front() == '{') event.args = value;
    } else if (!is_null) {
      if (!event.others.empty()) event.others += ',';
      event.others.append("\"").append(key).append("\":").append(value);
    }
  }
  if (event.phase == 0) return std::nullopt;
  fault_ = Fault::none;
  return event;
}

}  // namespace limelight::profiling
