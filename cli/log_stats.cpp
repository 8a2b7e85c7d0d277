#include "cli/log_stats.hpp"

#include <cstdio>
#include <utility>

#include "base/log.hpp"

namespace limelight::cli {

namespace {

double ms_of(std::chrono::steady_clock::duration time) {
  return std::chrono::duration<double, std::milli>(time).count();
}
template <class... A>
std::string row(const char* format, A... args) {
  char text[320];
  std::snprintf(text, sizeof text, format, args...);
  return std::string(text) + "\n";
}

}  // namespace

std::string requests_table(const std::vector<RequestOutput>& outputs, std::size_t count) {
  std::string text =
      row("%-24s %12s %13s %14s %15s %18s %s", "request", "e2e_time_ms", "num_tokens_in",
          "num_tokens_out", "transfers_bytes", "transfers_time_ms", "finish_reason");
  for (const RequestOutput& output : outputs) {
    std::uint64_t bytes = 0;
    double transfers = 0;
    for (const TransferStats& edge : output.transfers) {
      bytes += edge.size_bytes;
      transfers += edge.total_time_ms();
    }
    const std::string id =
        output.request_id + (output.index > 0 ? "." + std::to_string(output.index) : "");
    text += row("%-24.128s %12.1f %13lu %14lu %15lu %18.3f %s", id.c_str(), output.e2e_time_ms,
                output.answer.prompt_tokens, output.answer.output_tokens, bytes, transfers,
                output.answer.finish_reason.c_str());
  }
  if (count > outputs.size()) text += "and " + std::to_string(count - outputs.size()) + " others\n";
  return text;
}

LogStats::LogStats(std::chrono::milliseconds interval)
    : interval_(interval), thread_([this] { run(); }) {}

LogStats::~LogStats() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  wake_.notify_all();
  thread_.join();
  if (all_.requests() > 0)
    log(LogLevel::info, "statistics of all requests:\n" + all_.table(ms_of(Clock::now() - start_)));
}

void LogStats::add(const RequestOutput& output) {
  const std::lock_guard lock(mutex_);
  fresh_.add(output);
  all_.add(output);
  ++ended_;
  if (listed_.size() == most_listed) return;
  RequestOutput& kept = listed_.emplace_back();
  kept.request_id = output.request_id;
  kept.index = output.index;
  kept.e2e_time_ms = output.e2e_time_ms;
  kept.transfers = output.transfers;
  kept.answer.prompt_tokens = output.answer.prompt_tokens;
  kept.answer.output_tokens = output.answer.output_tokens;
  kept.answer.finish_reason = output.answer.finish_reason;
}

void LogStats::run() {
  std::unique_lock lock(mutex_);
  for (bool last = false; !last;) {
    last = wake_.wait_for(lock, interval_, [this] { return ending_; });
    say(lock);
  }
}

// Of a time without requests nothing.
void LogStats::say(std::unique_lock<std::mutex>& lock) {
  const double taken = ms_of(Clock::now() - std::exchange(since_, Clock::now()));
  const auto listed = std::exchange(listed_, {});
  const Statistics fresh = std::exchange(fresh_, {});
  const std::size_t ended = std::exchange(ended_, 0);
  if (ended == 0) return;
  lock.unlock();  // whoever reads the log may be slow
  log(LogLevel::info, "statistics of the last " + std::to_string(static_cast<long>(taken)) +
                          " ms:\n" + requests_table(listed, ended) + "\n" + fresh.table(taken));
  lock.lock();
}

}  // namespace limelight::cli
