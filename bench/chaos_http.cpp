#include "bench/chaos_http.hpp"

#include <curl/curl.h>
#include <signal.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <random>

#include "base/scratch.hpp"
#include "bench/chaos_disk.hpp"
#include "bench/chaos_service.hpp"
#include "bench/chaos_watch.hpp"

namespace limelight::bench {

using nlohmann::json;
using Clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

namespace {

constexpr std::uint64_t disk_bytes = 24 << 20;
// Replicas that fail are never given up; all else is the config's.
constexpr const char* supervision =
    "\n  supervision: {max_failures: 1000000, restart_backoff_ms: 1}\n";

template <class F>
bool soon(F condition, std::chrono::milliseconds most) {
  const auto end = Clock::now() + most;
  while (!condition()) {
    if (Clock::now() > end) return false;
    std::this_thread::sleep_for(20ms);
  }
  return true;
}

bool is_idle(const std::string& url) {
  const json all = json::parse(exchange(url + "/health", nullptr, 10).body, nullptr, false);
  return all.is_object() && all.value("status", "") == "ready" && all.value("running", -1) == 0 &&
         all.value("waiting", -1) == 0;
}

// What a service has, once nothing goes on in it.
struct Holdings {
  std::size_t files, threads, processes;
  double kib;
  static Holdings of(const ChaosService& service) {
    return {service.count("fd"), service.count("task"), descendants().size(),
            anonymous_kib(service.pid())};
  }
};

class ChaosRun {
 public:
  ChaosRun(const ChaosHttpOptions& options,
           std::filesystem::path folder,
           std::filesystem::path config,
           const SmallDisk& disk)
      : options_(options),
        folder_(std::move(folder)),
        config_(std::move(config)),
        disk_(disk),
        random_(options.seed),
        crowd_(promises_, options.seed) {}

  Result<void> live(Phase ending) {
    auto started =
        ChaosService::start({"--config", config_.string(), "--profile-dir", traces().string(),
                             "--max-requests", std::to_string(options_.streams + 10)},
                            folder_ / "log");
    if (!started) return started.error();
    ChaosService service = std::move(started).value();
    const std::string url = service.url();
    HealthWatch health(promises_, url);
    calm(service, "before the faults");
    const Holdings before = Holdings::of(service);
    ProfileWatch profiles(promises_, url, traces(), random_());
    crowd_.come(url, options_.streams);
    hurt(service, health);
    crowd_.leave();
    profiles.end();
    calm(service, "after the faults");
    compare(before, service);
    end(std::move(service), health, ending);
    profiles_ += profiles.profiles();
    add(profiles.counts());
    slowest_ms_ = std::max(slowest_ms_, health.slowest_ms());
    return {};
  }

  std::vector<Measurement> results() const {
    std::vector<Measurement> all;
    const auto add = [&](const char* name, const char* kind, double value, const char* unit = "1") {
      all.push_back({name, {{"kind", kind}}, value, unit});
    };
    const auto count = [](std::size_t n) { return static_cast<double>(n); };
    for (const auto& [kind, times] : faults_) add("faults", kind.c_str(), count(times));
    const auto ends = crowd_.ends();
    const std::pair<ClientEnd, const char*> names[] = {{ClientEnd::done, "done"},
                                                       {ClientEnd::failed, "failed"},
                                                       {ClientEnd::refused, "refused"},
                                                       {ClientEnd::left, "left"},
                                                       {ClientEnd::cut, "cut"}};
    for (const auto& [end, name] : names)
      add("requests", name, ends.contains(end) ? count(ends.at(end)) : 0);
    add("traces", "profiles", count(profiles_));
    add("traces", "valid", count(traces_.valid));
    add("traces", "recovered", count(traces_.recovered));
    add("traces", "empty", count(traces_.empty));
    all.push_back({"health", {}, slowest_ms_, "ms"});
    all.push_back({"memory", {}, grown_kib_, "KiB"});
    all.push_back({"broken", {}, count(promises_.count()), "1"});
    return all;
  }
  Promises& promises() { return promises_; }

 private:
  std::filesystem::path traces() const { return folder_ / "traces"; }
  void add(const TraceCounts& more) {
    traces_.valid += more.valid;
    traces_.recovered += more.recovered;
    traces_.empty += more.empty;
  }

  void calm(const ChaosService& service, const std::string& when) {
    if (!soon([&] { return is_idle(service.url()); }, 60s))
      promises_.broken(when + ": the service did not become ready and idle; /health: " +
                       exchange(service.url() + "/health", nullptr, 10).body);
    crowd_.ask_calmly(service.url(), when);
    if (!soon([&] { return is_idle(service.url()); }, 30s))
      promises_.broken(when + ": requests are open that nobody has asked");
  }

  // Memory is measured, the rest has to be as it was.
  void compare(const Holdings& before, const ChaosService& service) {
    Holdings now = Holdings::of(service);
    const bool same = soon(
        [&] {
          now = Holdings::of(service);
          return now.files <= before.files && now.threads <= before.threads &&
                 now.processes <= before.processes;
        },
        15s);
    grown_kib_ = std::max(grown_kib_, now.kib - before.kib);
    if (same) return;
    const auto grew = [](const char* what, std::size_t a, std::size_t b) {
      return std::string(what) + " " + std::to_string(a) + " before, " + std::to_string(b) +
             " after; ";
    };
    promises_.broken("left over: " + grew("descriptors", before.files, now.files) +
                     grew("threads", before.threads, now.threads) +
                     grew("processes", before.processes, now.processes));
  }

  void pause() { std::this_thread::sleep_for(std::chrono::milliseconds(random_() % 500)); }
  void stop_for_a_while(pid_t pid) {
    ::kill(pid, SIGSTOP);
    std::this_thread::sleep_for(std::chrono::milliseconds(50 + random_() % 1000));
    ::kill(pid, SIGCONT);
  }
  std::optional<pid_t> some_rank() {
    const auto ranks = ChaosService::ranks();
    if (ranks.empty()) return {};
    return ranks[random_() % ranks.size()];
  }

  void hurt(const ChaosService& service, HealthWatch& health) {
    const auto end = Clock::now() + std::chrono::duration<double>(options_.seconds / 3);
    while (Clock::now() < end) {
      pause();
      const std::uint64_t which = random_() % 100;
      if (which < 60) {
        const auto rank = some_rank();
        if (!rank) continue;
        const bool stop = which < 8, on = which < 4, abort = which < 12;
        ++faults_[on      ? "rank_paused"
                  : stop  ? "rank_stopped"
                  : abort ? "rank_abort"
                          : "rank_killed"];
        if (on) stop_for_a_while(*rank);
        else ::kill(*rank, stop ? SIGSTOP : abort ? SIGABRT : SIGKILL);
      } else if (which < 66) {
        const auto broker = ChaosService::broker();
        if (!broker) continue;
        ++faults_["broker_paused"];
        stop_for_a_while(*broker);
      } else if (which < 72) {
        ++faults_["service_paused"];
        health.pause();
        stop_for_a_while(service.pid());
        health.go_on();
      } else if (which < 82) {
        if (!disk_.mounted()) continue;
        ++faults_["disk_full"];
        disk_.fill();
        pause();
        disk_.empty();
      } else {
        ++faults_["burst"];
        crowd_.burst(service.url(), options_.streams / 2);
      }
    }
  }

  // With requests under way.
  void end(ChaosService service, HealthWatch& health, Phase ending) {
    const auto broker = ChaosService::broker();
    if (ending == Phase::broker_lost && !broker) {
      std::fprintf(stderr, "the broker is not lost: other pipelines use it\n");
      ending = Phase::draining;
    }
    const std::string url = service.url();
    crowd_.come(url, options_.streams);
    ProfileWatch profiles(promises_, url, traces(), random_());
    std::this_thread::sleep_for(300ms);
    profiles.service_ends();
    crowd_.set_phase(ending);
    if (ending == Phase::broker_lost) {
      ++faults_["broker_killed"];
      ::kill(*broker, SIGKILL);
      if (!soon([&] { return health.last_status() == "failed"; }, 20s))
        promises_.broken("the broker is lost, and /health says: " + health.last_status());
      std::this_thread::sleep_for(500ms);
      crowd_.leave();
    }
    health.pause();  // it ends
    if (ending == Phase::killed) {
      ++faults_["service_killed"];
      service.signal(SIGKILL);
    } else {
      service.signal(SIGTERM);
    }
    const auto code = service.wait(60s);
    crowd_.leave();
    profiles.end();
    if (!code) promises_.broken("the service did not end within 60 s of SIGTERM");
    else if (ending == Phase::draining && *code != 0)
      promises_.broken("the service ended with the exit code " + std::to_string(*code));
    for (const std::string& left : ChaosService::left_processes(20s))
      promises_.broken("a process is left: " + left);
    add(profiles.counts());
    look_at_traces(traces(), true, promises_, traces_);
  }

  const ChaosHttpOptions& options_;
  const std::filesystem::path folder_, config_;
  const SmallDisk& disk_;
  std::mt19937_64 random_;
  Promises promises_;
  Crowd crowd_;
  std::map<std::string, std::size_t> faults_;
  TraceCounts traces_;
  std::size_t profiles_ = 0;
  double slowest_ms_ = 0, grown_kib_ = 0;
};

}  // namespace

Result<std::vector<Measurement>> bench_chaos_http(const ChaosHttpOptions& options) {
  auto scratch = Scratch::make("bench");
  if (!scratch) return scratch.error();
  const auto folder = scratch->path;
  std::filesystem::create_directory(folder / "traces");
  const auto shared_before = shared_files();
  const SmallDisk disk(folder / "traces", disk_bytes);
  if (!disk.mounted())
    std::fprintf(stderr, "the disk does not get full: this process may mount none\n");
  ::curl_global_init(CURL_GLOBAL_DEFAULT);
  adopt_orphans();
  const auto config = options.config.empty()
                          ? scratch->write("chaos.yaml", std::string(chaos_pipeline) + supervision)
                          : options.config;
  ChaosRun run(options, folder, config, disk);
  for (const Phase ending : {Phase::broker_lost, Phase::killed, Phase::draining})
    if (const auto lived = run.live(ending); !lived) return lived.error();
  for (const std::string& name : shared_files())
    if (!shared_before.contains(name)) run.promises().broken("left in /dev/shm: " + name);
  const auto results = run.results();
  if (run.promises().count() > 0) {
    std::fprintf(stderr, "its log is %s\n", (folder / "log").c_str());
    scratch->path.clear();  // it stays
  }
  return results;
}

}  // namespace limelight::bench
