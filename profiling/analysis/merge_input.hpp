// One file of a merge: its events, put on the common clock, with pids, tids and ids that no other
// file of the merge has. One thread uses an object.
//
//   in the file                            in the merged file
//   a pid that no file before it has       the same
//   of ours: the pids of GPUs              100,000,000 + 1000 * rank + pid
//   other pids, and those that are texts   numbers from 1,000,000,000
//   tids that are texts or beyond 32 bits  numbers from 1,000,000,000, named by the text
//   id of flows and spans                  a number: its value, else a hash, + number * 2^40
//   process_name of another program        "rank 3: stage 2: python"
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "profiling/analysis/rank_numbers.hpp"
#include "profiling/analysis/trace_reader.hpp"

namespace limelight::profiling {

// Which pids are taken, over all files of a merge.
class MergedPids {
 public:
  // A number for a pid of a file: the pid itself if it is free.
  std::int64_t take(std::int64_t pid);

 private:
  std::map<std::int64_t, bool> taken_;
  std::int64_t next_ = first_free_pid;
};

class MergeInput {
 public:
  // number: of the file, unique in the merge; that of its rank, if it states one. pids: outlives
  // the object.
  MergeInput(TraceReader reader, int number, std::int64_t shift_ns, MergedPids& pids)
      : reader_(std::move(reader)), number_(number), shift_ns_(shift_ns), pids_(&pids) {}

  // Goes to the next event. Errors: corrupt.
  Result<void> advance();
  // That event as it is in the merged file; nothing at the end.
  const std::optional<EventLine>& event() const noexcept { return event_; }
  // Events that belong before it: names of processes and threads. Emptied by the caller.
  std::vector<std::string>& before() noexcept { return before_; }

  int number() const noexcept { return number_; }
  const TraceReader& reader() const noexcept { return reader_; }
  // Such as "rank 3: stage 2", or the file's name.
  std::string label() const;

 private:
  std::int64_t pid_of(const EventLine& event);
  std::int64_t tid_of(std::int64_t tid, std::int64_t pid);
  std::int64_t id_of(std::string_view id) const;
  void rewrite(const EventLine& event, std::int64_t pid, std::int64_t tid);
  void name(const char* what, std::int64_t pid, std::int64_t tid, const std::string& name);

  TraceReader reader_;
  int number_;
  std::int64_t shift_ns_;
  MergedPids* pids_;
  std::optional<EventLine> event_;
  std::string text_;
  std::vector<std::string> before_;
  std::map<std::int64_t, std::int64_t> own_pids_, own_tids_;
  std::optional<std::int64_t> host_pid_;  // of ours: the rank's own process
};

}  // namespace limelight::profiling
