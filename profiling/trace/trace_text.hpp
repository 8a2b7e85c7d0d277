// Writes the events of a trace in some format, as text (or bytes) that whoever writes the file
// takes away piece by piece: JSON (trace_writer.hpp) or Perfetto's protobuf (perfetto_writer.hpp).
//
// Where a piece ends between two calls, what was written so far is a readable part of the trace.
// Only the thread of the session uses an object.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "profiling/record/device_activity.hpp"
#include "profiling/record/record.hpp"
#include "profiling/trace/session_options.hpp"
#include "profiling/trace/stack_tree.hpp"

namespace limelight::profiling {

// Looks up the names that records refer to by number: those of this process, or those in the memory
// of a flight recorder.
struct Words {
  std::function<NameInfo(NameId)> name;
  std::function<std::string(std::uint32_t)> request;
};
Words own_words();  // the names of this process

class TraceText {
 public:
  virtual ~TraceText() = default;
  virtual void begin(const char* clock_source) = 0;
  // Writes a span or the value of a counter; true: it was a span. begin_ns: since the base.
  // thread_id: the kernel's. external: the External id, if the name is correlated.
  virtual bool event(const Record& record,
                     std::int64_t begin_ns,
                     std::uint64_t duration_ns,
                     int thread_id,
                     std::uint64_t external) = 0;
  // Writes a slice of device activity, and the arrow from its launch once both are known.
  // activity.external has the same meaning as in event().
  virtual void device(const DeviceActivity& activity) = 0;
  // Writes that a thread was found in the function of this node of use_stacks().
  virtual void stack(int thread_id, std::int64_t at_ns, std::uint32_t node) = 0;
  // The amount of device work without a launch. (Launches without work are not counted: most calls
  // start none.)
  virtual std::uint64_t unmatched() const noexcept = 0;
  virtual void end(const RankTrace& report,
                   const std::vector<std::pair<int, std::string>>& thread_names,
                   std::string_view trace_name) = 0;

  // The tree must outlive the object.
  void use_stacks(const StackTree& stacks) noexcept { stacks_ = &stacks; }

  std::string_view view() const noexcept { return text_; }
  std::size_t size() const noexcept { return text_.size(); }
  void clear() noexcept { text_.clear(); }

 protected:
  std::string text_;
  const StackTree* stacks_ = nullptr;
};

// In the format of options.profile; the options must outlive it.
std::unique_ptr<TraceText> make_trace_text(const SessionOptions& options,
                                           Words words = own_words());

}  // namespace limelight::profiling
