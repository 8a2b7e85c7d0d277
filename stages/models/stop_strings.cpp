#include "stages/models/stop_strings.hpp"

#include <algorithm>

namespace limelight::stages {

std::string StopStrings::push(std::string_view text) {
  if (stops_.empty()) return std::string(text);
  held_ += text;
  std::size_t first = std::string::npos;
  for (const std::string& stop : stops_)
    if (const std::size_t at = held_.find(stop); at < first) {
      first = at;
      found_ = stop;
    }
  std::size_t shown = held_.size();
  if (first != std::string::npos) shown = first;
  else
    for (const std::string& stop : stops_) {
      // The longest end of the text that this stop string begins with.
      std::size_t length = std::min(stop.size() - 1, held_.size());
      while (length > 0 && !held_.ends_with(std::string_view(stop).substr(0, length))) --length;
      shown = std::min(shown, held_.size() - length);
    }
  std::string out = held_.substr(0, shown);
  held_.erase(0, first != std::string::npos ? held_.size() : shown);
  return out;
}

}  // namespace limelight::stages
