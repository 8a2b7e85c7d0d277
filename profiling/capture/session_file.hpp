// The file of a session while it is written: its text, its members, and its report.
//
// After an error nothing more is written, and finish() tells it, but for a full disk: then the end
// of the trace takes the place of the last members, of as many as it needs, and the trace says
// where it ends. Only the thread of the session uses an object.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limelight/profile.hpp>
#include <limelight/result.hpp>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "profiling/trace/member_file.hpp"
#include "profiling/trace/trace_text.hpp"

namespace limelight::profiling {

class SessionFile {
 public:
  using ThreadNames = std::vector<std::pair<int, std::string>>;

  // options must outlive the object. report: what is known of it before it begins.
  SessionFile(const SessionOptions& options, RankTrace report);

  // Makes the file and writes the head of the trace as its first member. From then on a killed
  // process leaves a file that can be recovered.
  void begin();
  bool begun() const noexcept { return file_.has_value() || !status_; }
  // Writes the text to the file, once there is enough of it.
  void flush_if_large();
  // Ends a member, so that its text survives a kill.
  void end_member();
  // Writes the end of the trace. The report is complete then, but for the operations.
  Result<void> finish(const ThreadNames& threads);

  std::uint64_t written() const noexcept { return file_ ? file_->written() : 0; }
  bool full() const noexcept { return file_ && file_->full(); }

  StackTree stacks;
  std::unique_ptr<TraceText> text;
  RankTrace report;
  // When recording for this file began, in ticks(): where a full disk ends it is said from there.
  std::uint64_t begin_ticks = 0;

 private:
  struct Member {
    std::uint64_t file_bytes = 0, events = 0;  // with all before it
    std::int64_t at_ns = 0;                    // since recording began
  };
  void flush();
  void note_member();
  void write_end(const ThreadNames& threads);
  void write_folded(const ThreadNames& threads);
  void rename_snapshot();

  const std::filesystem::path path_;
  std::optional<MemberFile> file_;
  Result<void> status_;          // the first error
  std::vector<Member> members_;  // the first, and the last ones
};

}  // namespace limelight::profiling
