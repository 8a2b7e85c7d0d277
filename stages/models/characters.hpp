// Characters of UTF-8 and parts of texts, for tokenizers. All run in linear time, whatever a user's
// text is.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace limelight::stages {

// The length of the character that `text`, which is not empty, begins with; 1 where it is none.
std::size_t character_length(std::string_view text);
// The bytes of the blanks (White_Space of Unicode) that the text begins or ends with.
std::size_t leading_blanks(std::string_view text);
std::size_t trailing_blanks(std::string_view text);
// With each `from`, which is not empty, replaced by `to`.
std::string replaced(std::string_view text, std::string_view from, std::string_view to);

}  // namespace limelight::stages
