// The events of a stream, cut from its bytes as they come.
#pragma once

#include <string>
#include <string_view>

namespace limelight::bench {

class EventStream {
 public:
  // Calls event(data) with the text behind "data:" of each line that is complete.
  template <class F>
  void take(std::string_view bytes, F event) {
    rest_.append(bytes);
    std::size_t at = 0;
    for (std::size_t end; (end = rest_.find('\n', at)) != std::string::npos; at = end + 1) {
      std::string_view line(rest_.data() + at, end - at);
      if (line.ends_with('\r')) line.remove_suffix(1);
      if (!line.starts_with("data:")) continue;
      line.remove_prefix(5);
      if (line.starts_with(' ')) line.remove_prefix(1);
      event(line);
    }
    rest_.erase(0, at);
  }
  // What came behind the last complete line.
  const std::string& rest() const noexcept { return rest_; }

 private:
  std::string rest_;
};

}  // namespace limelight::bench
