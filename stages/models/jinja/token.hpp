// A template as tokens, and how they are made from its text.
//
// The text between tags becomes data tokens, with whitespace already taken off as transformers sets
// Jinja up: a block or comment tag alone on its line takes the whitespace before it and the line
// break after it (lstrip_blocks, trim_blocks), and `-` and `+` next to a delimiter override that.
// Comments are dropped, and raw blocks become data.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "stages/models/jinja/value.hpp"

namespace limelight::stages::jinja {

enum class TokenType : std::uint8_t {
  data,
  expression_begin,  // {{
  expression_end,    // }}
  block_begin,       // {%
  block_end,         // %}
  name,
  string,
  number,     // an integer or a floating-point number
  operator_,  // also brackets and punctuation
  end,        // of the template
};

struct Token {
  TokenType type = TokenType::end;
  int line = 1;
  std::string text;  // data, the name or the operator; for error messages the literal too
  Value value;       // of a string or number

  bool is_operator(std::string_view wanted) const {
    return type == TokenType::operator_ && text == wanted;
  }
  bool is_name(std::string_view wanted) const { return type == TokenType::name && text == wanted; }
};

// How an error message says what was found: "'endif'", "the end of the template".
std::string describe(const Token& token);

// The last token has the type `end`. Throws a Failure at what is no token.
std::vector<Token> tokenize(std::string_view text);

}  // namespace limelight::stages::jinja
