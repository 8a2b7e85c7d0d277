#include "bench/chaos_watch.hpp"

#include <chrono>
#include <limelight/trace.hpp>
#include <nlohmann/json.hpp>
#include <random>

namespace limelight::bench {

namespace fs = std::filesystem;
using nlohmann::json;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

namespace {

constexpr double health_patience_s = 10;
constexpr double profile_patience_s = 120;  // a stopped rank is waited for

bool is_trace(const std::string& name) {
  return !name.starts_with('.') &&
         (name.ends_with(".pt.trace.json.gz") || name.ends_with(".pt.trace.json.zst"));
}

void sleep_at_random(std::mt19937_64& random, std::uint64_t most_ms, const std::atomic<bool>& end) {
  const auto until = Clock::now() + std::chrono::milliseconds(random() % most_ms);
  while (!end && Clock::now() < until) std::this_thread::sleep_for(5ms);
}

}  // namespace

HealthWatch::HealthWatch(Promises& promises, std::string url)
    : promises_(promises), url_(std::move(url) + "/health"), thread_([this] { watch(); }) {}
HealthWatch::~HealthWatch() {
  over_ = true;
  thread_.join();
}
void HealthWatch::pause() { ++pauses_; }
void HealthWatch::go_on() { ++pauses_; }
std::string HealthWatch::last_status() const {
  const std::lock_guard lock(mutex_);
  return last_;
}

void HealthWatch::watch() {
  while (!over_) {
    const std::uint64_t pauses = pauses_;
    if (pauses % 2 == 0) {
      const auto start = Clock::now();
      const Answered answered = exchange(url_, nullptr, health_patience_s);
      const double ms = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
      if (pauses == pauses_ && !over_) {
        if (ms > slowest_ms_) slowest_ms_ = ms;
        const json all = json::parse(answered.body, nullptr, false);
        const std::string status = all.is_object() ? all.value("status", "") : "";
        const bool serves = status == "ready" || status == "degraded";
        if (status.empty() || answered.status != (serves ? 200 : 503))
          promises_.broken("/health answered with status " + std::to_string(answered.status) +
                           ": " + answered.body.substr(0, 200));
        const std::lock_guard lock(mutex_);
        last_ = status;
      }
    }
    std::this_thread::sleep_for(20ms);
  }
}

void look_at_traces(const fs::path& folder,
                    bool unfinished,
                    Promises& promises,
                    TraceCounts& counts) {
  const auto look = [&](const fs::path& file, std::size_t& count) {
    std::error_code ignored;
    const auto findings = profiling::validate({file});
    if (!findings.empty()) return promises.broken("not valid: " + findings.front());
    ++count;
    fs::remove(file, ignored);
  };
  std::error_code failed;
  std::vector<fs::path> found;
  for (fs::directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed))
    if (is_trace(at->path().filename())) found.push_back(at->path());
  for (const fs::path& file : found) look(file, counts.valid);
  if (!unfinished) return;
  for (const fs::path& part : profiling::unfinished_traces(folder)) {
    const auto recovered = profiling::recover(part);
    if (recovered) {
      look(recovered->file, counts.recovered);
      continue;
    }
    // A rank may be killed before its first member is complete.
    if (recovered.error().code == ErrorCode::corrupt) ++counts.empty;
    else promises.broken("not recovered: " + recovered.error().message);
    fs::remove(part, failed);
  }
}

ProfileWatch::ProfileWatch(Promises& promises, std::string url, fs::path folder, std::uint64_t seed)
    : promises_(promises),
      url_(std::move(url)),
      folder_(std::move(folder)),
      thread_([this, seed] { watch(seed); }) {}

void ProfileWatch::end() {
  if (!thread_.joinable()) return;
  over_ = true;
  thread_.join();
}

// An answer is the list of the ranks, of which some may have failed, or an error.
void ProfileWatch::ask(const char* route, const std::string& body) {
  const Answered answered = exchange(url_ + route, body.c_str(), profile_patience_s);
  if (!alive_) return;
  const json all = json::parse(answered.body, nullptr, false);
  const auto has_code = [](const json& error) {
    return error.is_object() && error.contains("code") && error["code"].is_string();
  };
  bool typed = all.is_object() && (all.contains("traces") || all.contains("error"));
  if (typed && all.contains("error")) typed = has_code(all["error"]);
  if (typed && all.contains("traces"))
    for (const json& trace : all["traces"])
      if (trace.contains("error") && !has_code(trace["error"])) typed = false;
  if (!typed)
    promises_.broken(std::string(route) + " answered with status " +
                     std::to_string(answered.status) + ": " + answered.body.substr(0, 300));
}

void ProfileWatch::watch(std::uint64_t seed) {
  std::mt19937_64 random(seed);
  while (!over_) {
    sleep_at_random(random, 400, over_);
    json body{{"format", random() % 4 == 0 ? "json.zst" : "json.gz"},
              {"with_memory", random() % 4 == 0},
              {"with_stack", random() % 8 == 0},
              {"stages", json::array()}};
    for (int stage = 0; stage < 3; ++stage)
      if (random() % 2 == 0) body["stages"].push_back(stage);
    if (random() % 4 == 0) body["steps"] = 1 + random() % 20;
    ask("/start_profile", body.dump());
    ++profiles_;
    // Another one, while it runs, is refused.
    if (random() % 8 == 0) ask("/start_profile", R"({"run_id": "another"})");
    if (random() % 8 == 0) ask("/dump_profile", R"({"last_ms": 500})");
    sleep_at_random(random, 800, over_);
    ask("/stop_profile", "");
    look_at_traces(folder_, false, promises_, counts_);
  }
}

}  // namespace limelight::bench
