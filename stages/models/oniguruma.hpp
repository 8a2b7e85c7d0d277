// Patterns for Oniguruma, whose regular expressions tokenizer.json is written in, as patterns for
// PCRE2. Much is written the same and means something else: \h, \v, ^, \w, {1,2}+, [a&&b].
#pragma once

#include <limelight/result.hpp>
#include <string>
#include <string_view>

namespace limelight::stages {

// What \s and \w match, the latter beside newer_word of unicode_ranges.hpp: the insides of classes
// of PCRE2. Rust's regular expressions, which the library uses as well, count two more characters.
inline constexpr const char* blank_of_patterns = R"(\t-\r\x{85}\p{Z})";
inline constexpr const char* onig_word = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc})";
inline constexpr const char* rust_word = R"(\p{Alphabetic}\p{M}\p{Nd}\p{Pc}\x{200c}\x{200d})";

// Errors: unavailable (a construct that PCRE2 has not, or that is not known to mean the same; the
// message names it).
Result<std::string> pattern_of_oniguruma(std::string_view pattern);

}  // namespace limelight::stages
