// Whether a text is one JSON value (RFC 8259) of well-formed UTF-8. Traces have gigabytes of
// events, of which a tree or a list of tokens would cost more than all else that is done with them.
#pragma once

#include <cstddef>
#include <string_view>

namespace limelight::profiling {

// The length of the UTF-8 sequence at the beginning of a text (RFC 3629); 0 if there is none.
std::size_t utf8_sequence(std::string_view text);

// False as well for half a surrogate pair that is escaped alone, and for more than 512 brackets
// within each other.
bool is_json(std::string_view text);

}  // namespace limelight::profiling
