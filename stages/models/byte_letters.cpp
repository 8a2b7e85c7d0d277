#include "stages/models/byte_letters.hpp"

#include <unordered_map>

namespace limelight::stages {

const std::array<std::string, 256>& byte_letters() {
  static const auto letters = [] {
    std::array<std::string, 256> made;
    int next = 0x100;
    for (int byte = 0; byte < 256; ++byte) {
      const bool printable =
          (byte >= 33 && byte <= 126) || (byte >= 161 && byte <= 172) || byte >= 174;
      const int point = printable ? byte : next++;
      std::string& letter = made[static_cast<std::size_t>(byte)];
      if (point < 0x80) letter = static_cast<char>(point);
      else {
        letter = static_cast<char>(0xc0 | point >> 6);
        letter += static_cast<char>(0x80 | (point & 0x3f));
      }
    }
    return made;
  }();
  return letters;
}

std::string bytes_of_letters(std::string_view token) {
  static const auto byte_of = [] {
    std::unordered_map<std::string_view, char> made;
    for (std::size_t byte = 0; byte < 256; ++byte)
      made[byte_letters()[byte]] = static_cast<char>(byte);
    return made;
  }();
  std::string bytes;
  for (std::size_t i = 0; i < token.size();) {
    const std::size_t length = static_cast<unsigned char>(token[i]) >= 0xc0 ? 2 : 1;
    const auto letter = byte_of.find(token.substr(i, length));
    if (letter == byte_of.end()) bytes += token[i], ++i;
    else bytes += letter->second, i += length;
  }
  return bytes;
}

}  // namespace limelight::stages
