// Looks for stop strings in a text that comes in pieces. One thread uses it.
#pragma once

#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace limelight::stages {

class StopStrings {
 public:
  // stops: none of them is empty.
  explicit StopStrings(std::vector<std::string> stops) : stops_(std::move(stops)) {}
  // Appends to the text. Returns what can be shown now: not what could be the beginning of a stop
  // string, nor a stop string and what follows it. Where several begin at the same place, the first
  // of the list counts. Not to be called after one was found.
  std::string push(std::string_view text);
  // The stop string that the text contains; empty: none so far.
  const std::string& found() const noexcept { return found_; }
  // Returns what was held back, when no more text comes.
  std::string rest() { return std::exchange(held_, {}); }

 private:
  std::vector<std::string> stops_;
  std::string held_, found_;
};

}  // namespace limelight::stages
