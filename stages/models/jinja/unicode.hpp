// Texts as Python sees them: sequences of code points. Here they are UTF-8; a byte that is not part
// of valid UTF-8 counts as one point, U+FFFD.
//
// Case is mapped for ASCII, Latin, Greek and Cyrillic letters. Letters of other scripts that have a
// case stay as they are, unlike in Python. What counts as a letter beyond ASCII is approximate too.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace limelight::stages::jinja {

// Reads the point that begins at the byte `at`, which is inside the text, and moves `at` behind it.
char32_t next_point(std::string_view text, std::size_t& at);
void append_point(std::string& text, char32_t point);
std::size_t count_points(std::string_view text);
// The byte at which the point with this number begins; the size of the text if there are fewer.
std::size_t byte_of_point(std::string_view text, std::size_t point);

bool is_space(char32_t point);      // str.isspace()
bool is_printable(char32_t point);  // false where repr() writes an escape
bool is_letter(char32_t point);
bool is_digit(char32_t point);  // only 0 to 9
char32_t to_upper(char32_t point);
char32_t to_lower(char32_t point);

std::string upper(std::string_view text);
std::string lower(std::string_view text);
std::string capitalize(std::string_view text);
std::string title(std::string_view text);  // str.title(); the filter of this name differs
// Whether there are letters, and all are upper case, or lower case: str.isupper(), str.islower().
bool is_in_case(std::string_view text, bool upper_case);

enum class Side { left, right, both };
std::string_view strip(std::string_view text, Side side);
// Removes any of these characters.
std::string_view strip(std::string_view text, std::string_view characters, Side side);

}  // namespace limelight::stages::jinja
