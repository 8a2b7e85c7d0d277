// A trace session writes everything that this process records between start and stop to one
// compressed file, or, where its options say which steps to record, each repeat to a file of its
// own.
//
// A background thread, the writer, drains the rings of all threads, formats the records, compresses
// them and writes them. It drains more often when more is recorded. Memory does not grow with the
// length of the session.
//
// The writer makes the file a few milliseconds after start() has returned, so stop() reports any
// error of the file. Until the session has ended, the file is called `.<name>.part`; it gets its
// own name once it is complete and synced. The first member of the file is the head of the trace,
// so a .part file can be recovered at any time after it was made.
//
// A process runs one session at a time. Any thread may call start() and stop(), but not both at the
// same time.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limelight/result.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "profiling/trace/session_options.hpp"

namespace limelight::profiling {

class Session {
 public:
  // Starts recording. Makes the directory if necessary. Errors: io (the directory), busy (a session
  // runs in this process), and those of check_profile() and prepare_folder().
  static Result<std::unique_ptr<Session>> start(SessionOptions options);
  // Ends recording and returns when the file is complete and synced. If the session has reached a
  // limit of its options, it has ended already. Call it once. Errors: io (the unfinished file was
  // removed), invalid_argument (the session was stopped before).
  Result<RankTrace> stop();
  // Whether it has reached a limit of its options, and its file is complete. Any thread may ask.
  bool ended() const noexcept;
  // The path that the file is to have after stop(); the report of stop() says if it is another.
  const std::filesystem::path& file() const noexcept;
  ~Session();  // calls stop() unless it was called

 private:
  struct State;
  explicit Session(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Returns the number of records that wait in the rings of this process. A benchmark that records
// without a pause can wait while there are many, so that none are lost.
std::uint64_t recorded_backlog();

}  // namespace limelight::profiling
