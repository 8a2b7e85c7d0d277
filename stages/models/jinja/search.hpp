// Looks for a text in a text in linear time, whatever both are; std::string::find may take the
// product of the two lengths.
#pragma once

#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

namespace limelight::stages::jinja {

// Returns the byte at which it begins, from the byte `from` on; npos: nowhere.
//
// It looks at larger and larger pieces, since AddressSanitizer checks all that memmem is given:
// many searches that end soon would take the square of the length there.
inline std::size_t find_text(std::string_view text, std::string_view part, std::size_t from = 0) {
  if (from > text.size()) return std::string::npos;
  if (part.empty()) return from;
  for (std::size_t size = 2 * part.size() + 256;; size *= 2) {
    const std::string_view piece = text.substr(from, size);
    const void* found = memmem(piece.data(), piece.size(), part.data(), part.size());
    if (found != nullptr)
      return static_cast<std::size_t>(static_cast<const char*>(found) - text.data());
    if (piece.size() < size) return std::string::npos;
    from += size - part.size() + 1;
  }
}

}  // namespace limelight::stages::jinja
