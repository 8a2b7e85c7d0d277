#include "profiling/capture/session_file.hpp"

#include <algorithm>
#include <cstdio>
#include <fstream>

#include "profiling/capture/memory_snapshot.hpp"
#include "profiling/record/clock.hpp"

namespace limelight::profiling {

namespace {
constexpr std::size_t flush_at = 16 * 1024;  // small enough to stay in a cache
constexpr std::size_t most_members = 64;     // whose ends are remembered, for a disk that gets full
}  // namespace

SessionFile::SessionFile(const SessionOptions& options, RankTrace known)
    : text(make_trace_text(options)),
      report(std::move(known)),
      path_(options.directory / trace_file_name(options)) {
  report.file = path_;
  text->use_stacks(stacks);
  text->begin(clock_source());
}

void SessionFile::begin() {
  auto made = MemberFile::create(path_, Existing::keep);
  if (!made) {
    status_ = made.error();
    return;
  }
  file_.emplace(std::move(made).value());
  end_member();
}

void SessionFile::flush_if_large() {
  if (text->size() >= flush_at) flush();
}

void SessionFile::flush() {
  if (!begun()) begin();
  if (status_) status_ = file_->write(text->view());
  text->clear();
  note_member();
}

void SessionFile::end_member() {
  flush();
  if (status_) status_ = file_->end_member();
  note_member();
}

// Remembers where the last member ended, if it is a new one.
void SessionFile::note_member() {
  if (!status_ || file_->written() == (members_.empty() ? 0 : members_.back().file_bytes)) return;
  // The first, with the head of the trace, stays.
  if (members_.size() == most_members) members_.erase(members_.begin() + 1);
  members_.push_back({.file_bytes = file_->written(),
                      .events = report.events,
                      .at_ns = static_cast<std::int64_t>(
                          ticks_to_ns(static_cast<std::int64_t>(ticks() - begin_ticks)))});
}

void SessionFile::write_end(const ThreadNames& threads) {
  text->end(report, threads, file_->path().filename().string());
  flush();
  if (!status_) return;
  if (auto bytes = file_->finish()) report.bytes = *bytes;
  else status_ = bytes.error();
  report.file = file_->path();
}

// Beside the trace, whose name is this session's alone. What fails leaves the trace as it is.
void SessionFile::write_folded(const ThreadNames& threads) {
  if (stacks.empty()) return;
  std::string name = report.file.filename().string();
  name.resize(std::min(name.find(".pt.trace."), name.size()));
  name.append(".folded.txt");
  const std::filesystem::path file = report.file.parent_path() / name;
  std::ofstream out(file);
  out << stacks.folded(threads);
  out.close();
  if (out) {
    report.stacks.file = file.string();
    return;
  }
  if (!report.note.empty()) report.note.append("; ");
  report.note.append(file.string()).append(": cannot be written");
}

// The file of failed allocations was written before the trace had its name.
void SessionFile::rename_snapshot() {
  if (report.failed_allocations.file.empty() || report.file == path_) return;
  const std::filesystem::path file = memory_snapshot_of(report.file);
  std::error_code failed;
  std::filesystem::rename(report.failed_allocations.file, file, failed);
  if (!failed) report.failed_allocations.file = file.string();
}

Result<void> SessionFile::finish(const ThreadNames& threads) {
  if (!begun()) begin();
  if (status_) write_end(threads);
  if (status_) write_folded(threads);
  if (status_) rename_snapshot();
  if (status_ || !full()) return status_;
  const std::uint64_t all = report.events, drops = report.drops;
  // The cause alone; the file of the message has another name in the end.
  const std::string& message = status_.error().message;
  const std::string why = message.substr(std::min(message.rfind(": ") + 2, message.size()));
  for (; !status_ && full() && !members_.empty(); members_.pop_back()) {
    const Member last = members_.back();
    text->clear();
    if (!file_->cut_to(last.file_bytes)) break;
    status_ = {};
    report.events = last.events;
    report.drops = drops + (all - last.events);
    char ms[32];
    std::snprintf(ms, sizeof ms, "%.3f", static_cast<double>(last.at_ns) / 1e6);
    report.truncated = std::string("after ").append(ms).append(" ms: ").append(why);
    write_end(threads);
  }
  return status_;
}

}  // namespace limelight::profiling
