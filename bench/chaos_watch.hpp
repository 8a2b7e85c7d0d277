// Two that go on beside the load of a chaos run: one asks /health again and again, the other takes
// profiles and looks at their traces.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <thread>

#include "bench/chaos_crowd.hpp"

namespace limelight::bench {

class HealthWatch {
 public:
  HealthWatch(Promises& promises, std::string url);
  ~HealthWatch();
  HealthWatch(const HealthWatch&) = delete;
  // The service stands still, by a signal: it is not asked meanwhile, and what was open then is not
  // held against it.
  void pause();
  void go_on();
  double slowest_ms() const { return slowest_ms_; }
  std::string last_status() const;

 private:
  void watch();
  Promises& promises_;
  const std::string url_;
  std::atomic<bool> over_ = false;
  std::atomic<std::uint64_t> pauses_ = 0;  // odd: it stands still
  std::atomic<double> slowest_ms_ = 0;
  mutable std::mutex mutex_;
  std::string last_;
  std::thread thread_;
};

struct TraceCounts {
  std::size_t valid = 0, recovered = 0, empty = 0;
};

// Looks at each finished trace of a folder, and takes it away if it is valid: the folder is small.
// unfinished: recovers those that killed ranks left as well. Nobody may be writing then.
void look_at_traces(const std::filesystem::path& folder,
                    bool unfinished,
                    Promises& promises,
                    TraceCounts& counts);

class ProfileWatch {
 public:
  ProfileWatch(Promises& promises,
               std::string url,
               std::filesystem::path folder,
               std::uint64_t seed);
  ~ProfileWatch() { end(); }
  ProfileWatch(const ProfileWatch&) = delete;
  // Stops the profile that runs, if any, and looks at the last traces.
  void end();
  void service_ends() { alive_ = false; }  // from now on it need not answer
  std::size_t profiles() const { return profiles_; }
  const TraceCounts& counts() const { return counts_; }  // after end()

 private:
  void watch(std::uint64_t seed);
  void ask(const char* route, const std::string& body);
  Promises& promises_;
  const std::string url_;
  const std::filesystem::path folder_;
  std::atomic<bool> over_ = false, alive_ = true;
  std::atomic<std::size_t> profiles_ = 0;
  TraceCounts counts_;
  std::thread thread_;
};

}  // namespace limelight::bench
