// Runs a command of the user's for each finished trace (--on-trace), such as an upload.
//
// The command is a list of words as a shell has it: blanks separate, quotes and backslashes keep
// together. No shell runs: `{file}` in a word becomes the path of the trace as it is, so no name of
// a file can be a command. At most two commands run at a time. A command that fails is told to the
// log, with its end and the last of what it printed. Any thread may call any function.
#pragma once

#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <limelight/result.hpp>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

namespace limelight::cli {

// Errors: invalid_argument (a quote or a backslash without what it is for).
Result<std::vector<std::string>> split_words(std::string_view text);

class TraceCommand {
 public:
  // patience: for how long a command may run before it is killed. Errors: invalid_argument (as
  // above; no {file}; no such program).
  static Result<std::unique_ptr<TraceCommand>> make(const std::string& command,
                                                    std::chrono::milliseconds patience);
  ~TraceCommand();  // calls finish()
  TraceCommand(const TraceCommand&) = delete;

  // Returns at once.
  void add(const std::filesystem::path& trace);
  // No more traces come. Waits until all commands have ended, for `patience` at most; those that
  // have not begun by then do not run. Returns how many traces have no command that ended well.
  std::size_t finish();

 private:
  TraceCommand(std::string command,
               std::vector<std::string> words,
               std::chrono::milliseconds patience);
  void work();
  void run(const std::filesystem::path& trace, std::chrono::milliseconds patience);
  void fail(const std::filesystem::path& trace, const std::string& why);

  const std::string command_;  // as the user wrote it
  const std::vector<std::string> words_;
  const std::chrono::milliseconds patience_;
  std::mutex mutex_;  // guards the members below
  std::condition_variable wake_;
  std::deque<std::filesystem::path> waiting_;
  bool ending_ = false;
  std::chrono::steady_clock::time_point end_;  // if it is ending
  std::size_t idle_ = 0, failures_ = 0;
  std::vector<std::thread> threads_;
};

}  // namespace limelight::cli
