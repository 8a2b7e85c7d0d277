// The text of a trace: Chrome trace JSON with the top-level keys, in the order, that PyTorch's tools expect.
//
// `"rank": 0` stands on a line of its own with a space after the colon, since HolisticTraceAnalysis finds it by that pattern. Times are
// microseconds with exactly three decimals from the shared base. Each event is one line. Owned and called by the session's thread alone.
#pragma once

#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "profiling/record.hpp"
#include "profiling/session.hpp"

namespace limelight::profiling {

class TraceText {
 public:
  explicit TraceText(const SessionOptions& options) : options_(options) {}
  void begin(const char* clock_source);
  // begin_ns from the base; thread_id: the kernel's.
  void event(const Record& record, std::int64_t begin_ns, std::uint64_t duration_ns, int thread_id);
  void end(const SessionReport& report, const std::vector<std::pair<int, std::string>>& thread_names, std::string_view trace_name);

  std::string_view view() const noexcept { return text_; }
  std::size_t size() const noexcept { return text_.size(); }
  void clear() noexcept { text_.clear(); }

 private:
  void number(std::uint64_t value);
  void microseconds(std::uint64_t ns);
  void metadata(const char* name, int tid, const std::string& args);

  const SessionOptions& options_;
  std::string text_;
  std::unordered_map<NameId, std::pair<NameInfo, std::string>> heads_;  // what every event of a name begins with
  std::string pid_;
};

// A JSON string, quotes included. Bytes that are no valid UTF-8 become U+FFFD.
std::string json_string(std::string_view raw);

}  // namespace limelight::profiling
