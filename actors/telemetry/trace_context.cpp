#include "actors/telemetry/trace_context.hpp"

#include <algorithm>
#include <random>
#include <span>

namespace limelight::telemetry {

namespace {

std::optional<std::uint8_t> digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<std::uint8_t>(c - '0');
  if (c >= 'a' && c <= 'f') return static_cast<std::uint8_t>(c - 'a' + 10);
  return std::nullopt;
}
// False: another character than a digit or a small letter.
bool read_hex(std::string_view text, std::span<std::uint8_t> to) {
  for (std::size_t i = 0; i < to.size(); ++i) {
    const auto high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
    if (!high || !low) return false;
    to[i] = static_cast<std::uint8_t>(*high << 4 | *low);
  }
  return true;
}
template <class Id>
bool is_zero(const Id& id) {
  return std::all_of(id.begin(), id.end(), [](std::uint8_t byte) { return byte == 0; });
}

template <class Id>
Id new_id() {
  static thread_local std::mt19937_64 random{std::random_device()() |
                                             std::uint64_t{std::random_device()()} << 32};
  Id id{};
  while (is_zero(id))
    for (std::size_t i = 0; i < id.size(); i += 8) {
      const std::uint64_t bits = random();
      for (std::size_t k = 0; k < 8; ++k) id[i + k] = static_cast<std::uint8_t>(bits >> (8 * k));
    }
  return id;
}

}  // namespace

std::optional<TraceContext> parse_traceparent(std::string_view text) {
  constexpr std::size_t length = 55;
  if (text.size() < length || text[2] != '-' || text[35] != '-' || text[52] != '-')
    return std::nullopt;
  std::array<std::uint8_t, 1> version{}, flags{};
  TraceContext context;
  if (!read_hex(text, version) || !read_hex(text.substr(3), context.trace) ||
      !read_hex(text.substr(36), context.span) || !read_hex(text.substr(53), flags))
    return std::nullopt;
  if (version[0] == 0xff || is_zero(context.trace) || is_zero(context.span)) return std::nullopt;
  if (text.size() > length && (version[0] == 0 || text[length] != '-')) return std::nullopt;
  context.sampled = (flags[0] & 1) != 0;
  return context;
}

bool is_tracestate(std::string_view text) {
  return text.size() <= 512 &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= ' ' && c <= '~'; });
}

std::string to_traceparent(const TraceContext& context) {
  std::string text = "00-" + to_hex(context.trace);
  text.append("-").append(to_hex(context.span)).append(context.sampled ? "-01" : "-00");
  return text;
}

TraceId new_trace_id() { return new_id<TraceId>(); }
SpanId new_span_id() { return new_id<SpanId>(); }

}  // namespace limelight::telemetry
