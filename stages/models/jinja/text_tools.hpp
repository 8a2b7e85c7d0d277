// Operations on texts that string methods and filters share. Each charges what it makes.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "stages/models/jinja/value.hpp"

namespace limelight::stages::jinja {

// Replaces `from` by `to`, at most `count` times; -1: everywhere.
std::string replace(std::string_view text,
                    std::string_view from,
                    std::string_view to,
                    std::int64_t count,
                    Budget& budget);
// str.splitlines(); keep: with the line breaks.
std::vector<std::string_view> split_lines(std::string_view text, bool keep, Budget& budget);
// str.split() and str.rsplit() at whitespace; limit: -1: none.
std::vector<std::string_view> split_at_space(std::string_view text,
                                             std::int64_t limit,
                                             bool from_right,
                                             Budget& budget);
std::vector<std::string_view> split_at(std::string_view text,
                                       std::string_view separator,
                                       std::int64_t limit,
                                       bool from_right,
                                       Budget& budget);
// The last place, as find_text() gives the first. Charges the time.
std::size_t find_last(std::string_view text, std::string_view part, Budget& budget);
// `width` is in points. Fills on the left, the right, or both sides as str.center() does.
enum class Align { left, right, center };
std::string padded(
    std::string_view text, std::int64_t width, char32_t fill, Align align, Budget& budget);
std::string repeated(std::string_view text, std::int64_t count, Budget& budget);
// The texts of the items, as str.join() does it; `strict`: each item must be a string.
std::string joined(const std::vector<Value>& items,
                   std::string_view separator,
                   bool strict,
                   Budget& budget);
// & < > ' " as HTML entities.
std::string escaped(std::string_view text, Budget& budget);

}  // namespace limelight::stages::jinja
