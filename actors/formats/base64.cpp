#include "actors/formats/base64.hpp"

#include <algorithm>
#include <cstdint>

namespace limelight::formats {

namespace {

int value_of(char c) {
  if (c >= 'A' && c <= 'Z') return c - 'A';
  if (c >= 'a' && c <= 'z') return c - 'a' + 26;
  if (c >= '0' && c <= '9') return c - '0' + 52;
  return c == '+' ? 62 : c == '/' ? 63 : -1;
}

}  // namespace

Result<std::string> from_base64(std::string_view text) {
  const auto wrong = [](const std::string& what) {
    return Error{ErrorCode::invalid_argument, what};
  };
  const std::size_t end = text.find_last_not_of('=') + 1, padding = text.size() - end;
  if (padding > 0 && (padding > 2 || text.size() % 4 != 0))
    return wrong(std::to_string(text.size()) + " characters of base64 with " +
                 std::to_string(padding) + " '=' at the end");
  if (end % 4 == 1)
    return wrong(std::to_string(end) + " characters of base64, which end within a byte");
  std::string bytes;
  bytes.reserve(end / 4 * 3 + 2);
  std::uint32_t bits = 0;
  for (std::size_t i = 0; i < end; ++i) {
    const int value = value_of(text[i]);
    if (value < 0)
      return wrong("a character at offset " + std::to_string(i) + " that is not of base64");
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    if (i % 4 == 0) continue;
    const unsigned left = 6 - 2 * static_cast<unsigned>(i % 4);  // bits that are of the next byte
    bytes.push_back(static_cast<char>(bits >> left & 0xff));
  }
  return bytes;
}

std::string to_base64(std::string_view bytes) {
  constexpr std::string_view letters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t here = std::min<std::size_t>(3, bytes.size() - i);
    std::uint32_t bits = 0;
    for (std::size_t j = 0; j < 3; ++j)
      bits = bits << 8 | (j < here ? static_cast<unsigned char>(bytes[i + j]) : 0u);
    for (std::size_t j = 0; j < 4; ++j)
      text += j <= here ? letters[bits >> (18 - 6 * j) & 63] : '=';
  }
  return text;
}

}  // namespace limelight::formats
