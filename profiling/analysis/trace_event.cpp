#include "profiling/analysis/trace_event.hpp"

#include <charconv>

#include "profiling/analysis/json_members.hpp"

namespace limelight::profiling {

namespace {

bool whole_number(std::string_view text, std::int64_t& to) {
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), to);
  return failed == std::errc{} && end == text.data() + text.size();
}

// Microseconds with exactly three decimals.
bool nanoseconds(std::string_view text, std::int64_t& to) {
  if (text.size() < 5 || text[text.size() - 4] != '.') return false;
  const bool negative = text.front() == '-';
  std::int64_t whole = 0, rest = 0;
  const std::string_view decimals = text.substr(text.size() - 3);
  if (!whole_number(text.substr(0, text.size() - 4), whole) || !whole_number(decimals, rest) ||
      rest < 0)
    return false;
  constexpr std::int64_t most = INT64_MAX / 1000 - 1;
  if (whole > most || whole < -most) return false;
  to = whole * 1000 + (negative ? -rest : rest);
  return true;
}

}  // namespace

std::optional<std::string_view> EventLine::arg(std::string_view key) const {
  JsonMembers members(args);
  while (const auto member = members.next())
    if (member->key == key) return without_quotes(member->value);
  return std::nullopt;
}
std::optional<std::string> EventLine::text_arg(std::string_view key) const {
  const auto value = arg(key);
  return value ? std::optional(unescaped(*value)) : std::nullopt;
}
std::optional<std::uint64_t> EventLine::number_arg(std::string_view key) const {
  const auto value = arg(key);
  std::uint64_t number = 0;
  if (!value ||
      std::from_chars(value->data(), value->data() + value->size(), number).ec != std::errc{})
    return std::nullopt;
  return number;
}
std::string EventLine::plain_name() const {
  return name.find('\\') == std::string_view::npos ? std::string(name) : unescaped(name);
}

std::optional<EventLine> read_event_line(std::string_view text) {
  EventLine event;
  event.text = text;
  if (!text.starts_with("{\"") || !text.ends_with('}')) return std::nullopt;
  bool has_begin = false, has_duration = false;
  for (std::size_t at = 1;;) {
    if (text[at] != '"') return std::nullopt;
    const std::size_t key_end = json_value_end(text, at);
    if (key_end + 1 >= text.size() || text[key_end] != ':') return std::nullopt;
    const std::string_view key = text.substr(at + 1, key_end - at - 2);
    const std::size_t end = json_value_end(text, key_end + 1);
    const std::string_view value = text.substr(key_end + 1, end - key_end - 1);
    if (value.empty()) return std::nullopt;
    const bool is_text = value.size() >= 2 && value.front() == '"';
    if (key == "ph") {
      if (!is_text || value.size() != 3) return std::nullopt;
      event.phase = value[1];
    } else if (key == "name" || key == "cat") {
      if (!is_text) return std::nullopt;
      (key == "name" ? event.name : event.category) = without_quotes(value);
    } else if (key == "pid" || key == "tid") {
      if (!whole_number(value, key == "pid" ? event.pid : event.tid)) return std::nullopt;
    } else if (key == "ts") {
      has_begin = nanoseconds(value, event.begin_ns);
      if (!has_begin) return std::nullopt;
    } else if (key == "dur") {
      has_duration = nanoseconds(value, event.duration_ns);
      if (!has_duration || event.duration_ns < 0) return std::nullopt;
    } else if (key == "args") {
      if (value.front() != '{') return std::nullopt;
      event.args = value;
    } else if (key == "id") {
      event.id = value;
    } else if (key == "id2") {
      event.id2 = value;
    }
    if (end + 1 == text.size() && text[end] == '}') break;
    if (end + 2 >= text.size() || text[end] != ',') return std::nullopt;
    at = end + 1;
  }
  const bool needs_begin = event.phase != 'M';
  if (event.phase == 0 || (needs_begin && !has_begin) || (event.phase == 'X' && !has_duration) ||
      (has_duration && event.begin_ns > INT64_MAX - event.duration_ns))
    return std::nullopt;
  return event;
}

void add_microseconds(std::int64_t ns, std::string& to) {
  const bool negative = ns < 0;
  const std::uint64_t size =
      negative ? 0 - static_cast<std::uint64_t>(ns) : static_cast<std::uint64_t>(ns);
  if (negative) to += '-';
  to += std::to_string(size / 1000);
  const std::string decimals = std::to_string(size % 1000);
  to.append(".").append(3 - decimals.size(), '0').append(decimals);
}

}  // namespace limelight::profiling
