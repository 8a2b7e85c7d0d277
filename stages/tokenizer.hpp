// The tokenizer of dummy models: a token for each byte, and syllables above them, so that invented text reads like text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace limelight::stages {

std::vector<int> encode_bytes(std::string_view text);
std::string decode_token(int token);  // printable ASCII

}  // namespace limelight::stages
