// How the readers of requests refuse a value. An internal exception: nested parsers throw it to
// abort, and the function that a caller knows catches it and returns its text as an error.
#pragma once

#include <string>

namespace limelight::formats {

struct Refusal {
  std::string text;
};
[[noreturn]] inline void refuse(const std::string& key,
                                const std::string& found,
                                const std::string& expected) {
  throw Refusal{"key '" + key + "': found " + found + ", expected " + expected};
}

}  // namespace limelight::formats
