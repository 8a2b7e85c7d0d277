// A check for options that are whole numbers. CLI11 reads "-1" and what 64 bits cannot hold as the
// largest number, without a word.
#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <limits>
#include <string>

#include "base/whole_number.hpp"

namespace limelight::cli {

// Digits alone, 0 to `largest`.
inline CLI::Validator whole_number(
    std::uint64_t largest = std::numeric_limits<std::uint64_t>::max()) {
  return {[largest](const std::string& text) -> std::string {
            if (limelight::whole_number<std::uint64_t>(text, 0, largest)) return "";
            return "found '" + text + "', expected a whole number, 0 to " + std::to_string(largest);
          },
          ""};
}
// For times, which are converted to shorter units: about 30 years.
inline CLI::Validator whole_milliseconds() { return whole_number(1'000'000'000'000); }

}  // namespace limelight::cli
