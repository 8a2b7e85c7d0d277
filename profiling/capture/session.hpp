// A trace session: from start to stop, everything that this process records goes to one compressed
// file.
//
// One background thread drains all rings, more often the more is recorded, formats, compresses and
// writes; nothing grows with the session's length. That thread makes the file, with the head of the
// trace as its first member, so that there is never one that cannot be recovered, some milliseconds
// after start() has answered; so what goes wrong with it is told by stop(). The file carries a
// hidden, unfinished name until stop() has written its end and synced it; only then it gets its own
// name. One session at a time in a process. start and stop may be called from any thread, one at a
// time.
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
  // Makes the directory if need be. Errors: io (the directory), busy (a session runs in this
  // process), late (start_at_ns has passed), invalid_argument (prefix, format).
  static Result<std::unique_ptr<Session>> start(SessionOptions options);
  // Ends recording and returns once the file is whole and synced. A session that reached a limit
  // ended by itself: its file is whole already. Errors: io; the unfinished file is gone then.
  Result<RankTrace> stop();
  const std::filesystem::path& file() const noexcept;
  ~Session();  // stops if nobody did

 private:
  struct State;
  explicit Session(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

// Records that wait in the rings of this process: a benchmark that would overfill them can slow
// down.
std::uint64_t recorded_backlog();

}  // namespace limelight::profiling
