#include "stages/tokenizer.hpp"

namespace limelight::stages {

std::vector<int> encode_bytes(std::string_view text) {
  std::vector<int> tokens;
  for (const char c : text) tokens.push_back(static_cast<unsigned char>(c));
  return tokens;
}

std::string decode_token(int token) {
  constexpr std::string_view heads[] = {"b", "d", "f", "g", "k", "l", "m", "n", "p", "r", "s", "t", "v", "z", "st", "tr"};
  constexpr std::string_view tails[] = {"a", "e", "i", "o", "u", "an", "el", "in", "or", "us"};
  if (token < 256) return token >= 32 && token < 127 ? std::string(1, static_cast<char>(token)) : " ";
  const auto n = static_cast<unsigned>(token - 256);
  return (n / 160 % 3 == 0 ? " " : "") + std::string(heads[n % 16]) + std::string(tails[n / 16 % 10]);
}

}  // namespace limelight::stages
