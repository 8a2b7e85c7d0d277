// GPT-2's alphabet of bytes (Radford et al. 2019), in which the tokens of byte-level tokenizers are
// written: printable bytes of Latin-1 are their own letters, the others are U+0100 and up, in
// order.
#pragma once

#include <array>
#include <string>
#include <string_view>

namespace limelight::stages {

const std::array<std::string, 256>& byte_letters();
// The bytes that a token's letters stand for. What is no letter stays as it is.
std::string bytes_of_letters(std::string_view token);

}  // namespace limelight::stages
