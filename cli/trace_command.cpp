#include "cli/trace_command.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <optional>
#include <sstream>

#include "base/log.hpp"
#include "base/subprocess.hpp"
#include "base/try.hpp"

namespace limelight::cli {

namespace {
using Clock = std::chrono::steady_clock;
constexpr std::size_t most_at_a_time = 2;
constexpr std::string_view place = "{file}";

Error refuse(const std::string& command, const std::string& found_and_expected) {
  return {ErrorCode::invalid_argument, "--on-trace '" + command + "': " + found_and_expected};
}

bool can_run(const std::filesystem::path& file) {
  std::error_code ignored;
  return ::access(file.c_str(), X_OK) == 0 && !std::filesystem::is_directory(file, ignored);
}

// As execvp() looks for it.
bool is_there(const std::string& program) {
  if (program.find('/') != std::string::npos) return can_run(program);
  const char* path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "/bin:/usr/bin");
  for (std::string folder; std::getline(folders, folder, ':');)
    if (can_run(std::filesystem::path(folder.empty() ? "." : folder) / program)) return true;
  return false;
}
}  // namespace

Result<std::vector<std::string>> split_words(std::string_view text) {
  std::vector<std::string> words;
  std::optional<std::string> word;  // that is being read; '' is one, too
  char quote = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    const bool blank = c == ' ' || c == '\t' || c == '\n';
    if (quote == 0 && blank) {
      if (word) words.push_back(std::move(*word));
      word.reset();
      continue;
    }
    if (!word) word.emplace();
    if (quote != 0 && c == quote) quote = 0;
    else if (quote == 0 && (c == '\'' || c == '"')) quote = c;
    else if (c == '\\' && quote != '\'') {
      if (++i == text.size())
        return Error{ErrorCode::invalid_argument,
                     "found a backslash at the end, expected a character behind it"};
      // Between double quotes it is for these alone.
      if (quote == '"' && text[i] != '"' && text[i] != '\\') *word += c;
      *word += text[i];
    } else *word += c;
  }
  if (quote != 0)
    return Error{ErrorCode::invalid_argument,
                 std::string("found a quote without its end, expected another ") + quote};
  if (word) words.push_back(std::move(*word));
  return words;
}

Result<std::unique_ptr<TraceCommand>> TraceCommand::make(const std::string& command,
                                                         std::chrono::milliseconds patience) {
  auto words = split_words(command);
  if (!words) return refuse(command, words.error().message);
  if (words->empty()) return refuse(command, "found nothing, expected a command");
  if (std::none_of(words->begin() + 1, words->end(),
                   [](const std::string& word) { return word.find(place) != std::string::npos; }))
    return refuse(command,
                  "found no {file} behind the program, expected it where the trace's path "
                  "is to be");
  if (!is_there(words->front()))
    return refuse(command, "found no program '" + words->front() +
                               "', expected one in the PATH, or its path");
  return std::unique_ptr<TraceCommand>(
      new TraceCommand(command, std::move(words).value(), patience));
}

TraceCommand::TraceCommand(std::string command,
                           std::vector<std::string> words,
                           std::chrono::milliseconds patience)
    : command_(std::move(command)), words_(std::move(words)), patience_(patience) {}

TraceCommand::~TraceCommand() { (void)finish(); }

void TraceCommand::add(const std::filesystem::path& trace) {
  const std::lock_guard lock(mutex_);
  if (ending_) return;
  waiting_.push_back(trace);
  if (waiting_.size() > idle_ && threads_.size() < most_at_a_time)
    threads_.emplace_back([this] { work(); });
  wake_.notify_one();
}

void TraceCommand::work() {
  std::unique_lock lock(mutex_);
  for (;;) {
    ++idle_;
    wake_.wait(lock, [&] { return ending_ || !waiting_.empty(); });
    --idle_;
    if (waiting_.empty()) return;
    const std::filesystem::path trace = std::move(waiting_.front());
    waiting_.pop_front();
    auto patience = patience_;
    if (ending_)
      patience = std::min(
          patience, std::chrono::duration_cast<std::chrono::milliseconds>(end_ - Clock::now()));
    lock.unlock();
    run(trace, patience);
    lock.lock();
  }
}

void TraceCommand::run(const std::filesystem::path& trace, std::chrono::milliseconds patience) {
  if (patience.count() <= 0) return fail(trace, "was not run: the time for it is over");
  std::vector<std::string> words = words_;
  for (auto word = words.begin() + 1; word != words.end(); ++word)
    for (std::size_t at = 0; (at = word->find(place, at)) != std::string::npos;
         at += trace.string().size())
      word->replace(at, place.size(), trace.string());
  const std::string program = words.front();
  words.erase(words.begin());
  const auto ended = run_program(program, std::move(words), patience);
  if (!ended) return fail(trace, ended.error().message);
  if (!ended->good)
    fail(trace,
         ended->cause + (ended->output.empty() ? "" : "; its output ends:\n" + ended->output));
}

void TraceCommand::fail(const std::filesystem::path& trace, const std::string& why) {
  log(LogLevel::error, "--on-trace '" + command_ + "' for " + trace.string() + ": " + why);
  const std::lock_guard lock(mutex_);
  ++failures_;
}

std::size_t TraceCommand::finish() {
  std::vector<std::thread> threads;
  {
    const std::lock_guard lock(mutex_);
    if (!ending_) end_ = Clock::now() + patience_;
    ending_ = true;
    threads.swap(threads_);
  }
  wake_.notify_all();
  for (std::thread& thread : threads) thread.join();
  const std::lock_guard lock(mutex_);
  return failures_;
}

}  // namespace limelight::cli
