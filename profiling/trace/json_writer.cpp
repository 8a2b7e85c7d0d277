#include "profiling/trace/json_writer.hpp"

#include <cmath>
#include <cstdio>

namespace limelight::profiling {

namespace {
// The length of the valid UTF-8 sequence at the front, or 0 (RFC 3629: no overlong forms, no
// surrogates).
std::size_t utf8_length(std::string_view s) {
  const auto byte = [&](std::size_t i) {
    return i < s.size() ? static_cast<unsigned char>(s[i]) : 0u;
  };
  const auto follows = [&](std::size_t i, unsigned low = 0x80, unsigned high = 0xBF) {
    return byte(i) >= low && byte(i) <= high;
  };
  const unsigned lead = byte(0);
  if (lead < 0x80) return 1;
  if (lead >= 0xC2 && lead <= 0xDF) return follows(1) ? 2 : 0;
  if (lead >= 0xE0 && lead <= 0xEF)
    return follows(1, lead == 0xE0 ? 0xA0 : 0x80, lead == 0xED ? 0x9F : 0xBF) && follows(2) ? 3 : 0;
  if (lead >= 0xF0 && lead <= 0xF4)
    return follows(1, lead == 0xF0 ? 0x90 : 0x80, lead == 0xF4 ? 0x8F : 0xBF) && follows(2) &&
                   follows(3)
               ? 4
               : 0;
  return 0;
}
}  // namespace

std::string json_string(std::string_view raw) {
  std::string out = "\"";
  while (!raw.empty()) {
    const char c = raw.front();
    const std::size_t length = utf8_length(raw);
    if (length == 0) out += "\xEF\xBF\xBD";
    else if (c == '"' || c == '\\') (out += '\\') += c;
    else if (static_cast<unsigned char>(c) < 0x20) {
      constexpr char hex[] = "0123456789abcdef";
      (out += "\\u00") += hex[c >> 4];
      out += hex[c & 15];
    } else out += raw.substr(0, length);
    raw.remove_prefix(length == 0 ? 1 : length);
  }
  return out += '"';
}

JsonWriter& JsonWriter::value(double number) {
  if (!std::isfinite(number)) return null();
  char digits[352];  // the largest double has 309 digits before the point
  std::snprintf(digits, sizeof digits, "%.3f", number);
  return raw(digits);
}

JsonWriter& JsonWriter::microseconds(std::int64_t ns) {
  char digits[40];
  const bool negative = ns < 0;
  const std::uint64_t size =
      negative ? 0 - static_cast<std::uint64_t>(ns) : static_cast<std::uint64_t>(ns);
  std::snprintf(digits, sizeof digits, "%s%llu.%03llu", negative ? "-" : "",
                static_cast<unsigned long long>(size / 1000),
                static_cast<unsigned long long>(size % 1000));
  return raw(digits);
}

}  // namespace limelight::profiling
