// The escapes of a string literal, which are Python's: \n, \x41, \u00e9, \101.
#pragma once

#include <string>
#include <string_view>

namespace limelight::stages::jinja {

// literal: what stands between the quotes. Throws a Failure at an escape that is not complete, or
// that names a character.
std::string decode_string_literal(std::string_view literal);

}  // namespace limelight::stages::jinja
