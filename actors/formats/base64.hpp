// Bytes in base64 (RFC 4648, section 4): what data URLs and requests hold files in.
#pragma once

#include <limelight/result.hpp>
#include <string>
#include <string_view>

namespace limelight::formats {

// Padding may be left out; blanks and line breaks are no part of it. Errors: invalid_argument (the
// place of a character that is none of the 64, or an end within a byte).
Result<std::string> from_base64(std::string_view text);
std::string to_base64(std::string_view bytes);  // with padding

}  // namespace limelight::formats
