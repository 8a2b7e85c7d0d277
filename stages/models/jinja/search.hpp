// Looks for a text in a text in linear time, whatever both are; std::string::find may take the
// product of the two lengths.
#pragma once

#include <cstring>
#include <string>
#include <string_view>

namespace limelight::stages::jinja {

// Returns the byte at which it begins, from the byte `from` on; npos: nowhere.
inline std::size_t find_text(std::string_view text, std::string_view part, std::size_t from = 0) {
  if (from > text.size()) return std::string::npos;
  if (part.empty()) return from;
  const void* found = memmem(text.data() + from, text.size() - from, part.data(), part.size());
  return found == nullptr ? std::string::npos
                          : static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
}

}  // namespace limelight::stages::jinja
