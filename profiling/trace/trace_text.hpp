// The text of a trace: Chrome trace JSON with the top-level keys, in the order, that PyTorch's
// tools expect.
//
// `"rank": 0` stands on a line of its own with a space after the colon, since HolisticTraceAnalysis
// finds it by that pattern. Times are microseconds with exactly three decimals from the shared
// base. Each event is one line. Owned and called by the session's thread alone.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "profiling/record/device_activity.hpp"
#include "profiling/record/record.hpp"
#include "profiling/trace/json_writer.hpp"
#include "profiling/trace/session_options.hpp"

namespace limelight::profiling {

// Where the words come from that records refer to.
struct Words {
  std::function<NameInfo(NameId)> name;
  std::function<std::string(std::uint32_t)> request;
};
Words own_words();  // those of this process

class TraceText {
 public:
  // options outlive it.
  explicit TraceText(const SessionOptions& options, Words words = own_words())
      : options_(options), words_(std::move(words)) {}
  void begin(const char* clock_source);
  // begin_ns from the base; thread_id: the kernel's; external: the External id of a name that is
  // correlated.
  void event(const Record& record,
             std::int64_t begin_ns,
             std::uint64_t duration_ns,
             int thread_id,
             std::uint64_t external);
  // One slice, and the arrow from its launch as soon as both ends are known. activity.external
  // counts like event()'s.
  void device(const DeviceActivity& activity);
  // Device work whose launch did not come. (Most calls launch nothing, so the other way round tells
  // nothing.)
  std::uint64_t unmatched() const noexcept { return unmatched_ + works_.size(); }
  void end(const RankTrace& report,
           const std::vector<std::pair<int, std::string>>& thread_names,
           std::string_view trace_name);

  std::string_view view() const noexcept { return text_; }
  std::size_t size() const noexcept { return text_.size(); }
  void clear() noexcept { text_.clear(); }

 private:
  // One end of an arrow that waits for the other.
  struct Place {
    std::int64_t pid, tid, ns;
    bool linked =
        false;  // a launch that has its arrow: one a launch, also if a graph's has much work
  };
  using Places = std::unordered_map<std::uint32_t, Place>;
  void link(std::uint32_t correlation, const Place& place, bool is_launch);
  void flow(const char* phase, std::uint32_t id, const Place& place);
  void introduce(std::int64_t pid, std::int64_t tid, const DeviceActivity& activity);
  void kernel_args(const DeviceActivity& activity);
  const std::string& escaped(std::string_view name);
  void field(const char* key, std::uint64_t value);

  // An event but for its times.
  struct Line {
    NameId name = 0;
    int thread_id = 0;
    std::uint64_t value = 0;
    std::uint32_t request = 0;
    std::string head, tail;  // no head: free
  };
  static constexpr unsigned line_bits = 8;
  static constexpr std::size_t most_times = 64;  // two times and a key between them
  void head(const Record& record, int thread_id);
  void tail(const Record& record, std::uint64_t external);
  const Line& line_of(const Record& record, int thread_id);

  void number(std::uint64_t value);
  void microseconds(std::uint64_t ns);
  char* microseconds_to(char* at, std::uint64_t ns);
  void metadata(const char* name, std::int64_t pid, std::int64_t tid, const std::string& args);

  const SessionOptions& options_;
  Words words_;
  std::string text_;
  std::vector<std::pair<NameInfo, std::string>>
      heads_;                  // by NameId: what every event of a name begins with
  std::vector<Line> lines_;    // by a hash of what they stand for
  std::uint64_t seconds_ = 0;  // of the last time that was written, and their digits
  char seconds_text_[24] = {};
  char* seconds_end_ = seconds_text_;
  std::uint32_t request_ =
      0;  // of the last event with one that was not in lines_, and its name, quoted
  std::string request_name_;
  std::int64_t host_pid_ = 0;
  std::string pid_;
  std::unordered_map<const char*, std::string>
      names_;  // of device activity, quoted; keyed by where the source keeps them
  std::set<std::pair<std::int64_t, std::int64_t>> tracks_;
  Places launches_, works_;
  std::deque<std::uint32_t> launch_order_, work_order_;
  std::uint64_t unmatched_ = 0;
};

}  // namespace limelight::profiling
