// Whole numbers that come from outside as text: flags, variables, files, arguments of a process.
//
// The one parser for all of them: what std::stoi and its like skip (spaces, a sign, what follows
// the number), throw at or cut off is no number here. Any thread may call it.
#pragma once

#include <charconv>
#include <concepts>
#include <limits>
#include <optional>
#include <string_view>
#include <system_error>

namespace limelight {

// Decimal digits alone, with a minus before them if T has a sign. Empty if the text is anything
// else, or the number is not in [least, most].
template <std::integral T>
std::optional<T> whole_number(std::string_view text,
                              T least = std::numeric_limits<T>::min(),
                              T most = std::numeric_limits<T>::max()) {
  T value = 0;
  const char* end = text.data() + text.size();
  const auto [at, failed] = std::from_chars(text.data(), end, value);
  if (failed != std::errc{} || at != end || value < least || value > most) return std::nullopt;
  return value;
}

}  // namespace limelight
