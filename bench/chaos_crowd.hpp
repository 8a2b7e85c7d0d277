// The clients of a chaos run, and what was promised to them.
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "bench/chaos_client.hpp"

namespace limelight::bench {

// Counts what was promised and not kept. Any thread may say so.
class Promises {
 public:
  void broken(const std::string& what);
  std::size_t count() const;

 private:
  mutable std::mutex mutex_;
  std::size_t count_ = 0;
};

// What of the service is not as it was, because its end has been brought about. That allows errors
// that are wrong otherwise.
enum class Phase { alive, broker_lost, draining, killed };

class Crowd {
 public:
  Crowd(Promises& promises, std::uint64_t seed);
  ~Crowd() { leave(); }
  Crowd(const Crowd&) = delete;

  // Asks for each request once, with good manners and nothing else going on. The first time the
  // answers are kept; later all have to be the same. `when` is said if they are not.
  void ask_calmly(const std::string& url, const std::string& when);
  // Clients that ask again and again until leave(), each with one request open.
  void come(const std::string& url, int clients);
  // More requests at once, one each.
  void burst(const std::string& url, int requests);
  // Returns when all that is open has ended.
  void leave();
  void set_phase(Phase phase) { phase_ = phase; }
  // By the end of the requests: all of them, since the beginning.
  std::map<ClientEnd, std::size_t> ends() const;

 private:
  void ask(const std::string& url, std::size_t number, std::uint64_t random);
  void hold_against(const ClientResult& result, std::size_t index, Manner manner, Phase before);

  Promises& promises_;
  const std::uint64_t seed_;
  const std::vector<ChaosRequest> requests_ = chaos_requests();
  std::vector<ClientResult> calm_;
  std::atomic<Phase> phase_ = Phase::alive;
  std::atomic<bool> over_ = false;
  std::atomic<std::size_t> next_ = 0;
  std::vector<std::thread> threads_;
  mutable std::mutex mutex_;
  std::map<ClientEnd, std::size_t> ends_;
};

}  // namespace limelight::bench
