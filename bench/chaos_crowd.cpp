#include "bench/chaos_crowd.hpp"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>

namespace limelight::bench {

namespace {

// A number that looks random, the same for the same request of the same seed.
std::uint64_t mix(std::uint64_t seed, std::uint64_t number) {
  return std::mt19937_64(seed * 0x9e3779b97f4a7c15 + number)();
}

Manner manner_of(std::uint64_t random) {
  const std::uint64_t of = random % 100;
  return of < 70 ? Manner::good : of < 78 ? Manner::slow : of < 94 ? Manner::leaves : Manner::late;
}

bool is_allowed(const std::string& code, Manner manner, Phase phase) {
  if (code == "rank_failed") return true;
  if (code == "timeout") return manner == Manner::late;
  // "server_error": 503 of a service that takes no more.
  if (code == "unavailable" || code == "cancelled" || code == "server_error")
    return phase != Phase::alive;
  return false;
}

}  // namespace

void Promises::broken(const std::string& what) {
  const std::lock_guard lock(mutex_);
  if (++count_ <= 20) std::fprintf(stderr, "broken: %s\n", what.c_str());
}
std::size_t Promises::count() const {
  const std::lock_guard lock(mutex_);
  return count_;
}

Crowd::Crowd(Promises& promises, std::uint64_t seed) : promises_(promises), seed_(seed) {}

void Crowd::ask_calmly(const std::string& url, const std::string& when) {
  const bool fill = calm_.empty();
  std::vector<ClientResult> found(requests_.size());
  std::atomic<std::size_t> next = 0;
  std::vector<std::thread> few;
  for (int i = 0; i < 4; ++i)
    few.emplace_back([&] {
      for (std::size_t at; (at = next++) < requests_.size();)
        found[at] = ask_as(url, requests_[at], Manner::good, at, fill ? 1 : mix(seed_, at));
    });
  for (std::thread& one : few) one.join();
  for (std::size_t i = 0; i < found.size(); ++i) {
    const std::string which = when + ", request " + std::to_string(i) + ": ";
    if (found[i].end != ClientEnd::done) promises_.broken(which + "no answer: " + found[i].why);
    else if (!fill && (found[i].text != calm_[i].text || found[i].sound != calm_[i].sound))
      promises_.broken(which + "another answer");
  }
  if (fill) calm_ = std::move(found);
}

void Crowd::come(const std::string& url, int clients) {
  over_ = false;
  phase_ = Phase::alive;
  for (int i = 0; i < clients; ++i)
    threads_.emplace_back([this, url] {
      while (!over_) {
        const std::size_t number = next_++;
        ask(url, number, mix(seed_, number));
      }
    });
}
void Crowd::burst(const std::string& url, int requests) {
  for (int i = 0; i < requests; ++i)
    threads_.emplace_back([this, url] {
      const std::size_t number = next_++;
      ask(url, number, mix(seed_, number));
    });
}
void Crowd::leave() {
  over_ = true;
  for (std::thread& one : threads_) one.join();
  threads_.clear();
}

void Crowd::ask(const std::string& url, std::size_t number, std::uint64_t random) {
  const std::size_t index = number % requests_.size();
  const Manner manner = manner_of(random);
  const Phase before = phase_;
  const ClientResult result = ask_as(url, requests_[index], manner, index, random / 100);
  hold_against(result, index, manner, before);
  {
    const std::lock_guard lock(mutex_);
    ++ends_[result.end];
  }
  // Nobody asks a service again at once that fails, refuses or has gone.
  if (result.end != ClientEnd::done && result.end != ClientEnd::left)
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
}

// The phase may have changed since the request was sent, and from then on more is allowed.
void Crowd::hold_against(const ClientResult& result,
                         std::size_t index,
                         Manner manner,
                         Phase before) {
  const Phase phase = std::max(before, phase_.load());
  const std::string which = "request " + std::to_string(index) + ": ";
  const ClientResult& calm = calm_[index];
  switch (result.end) {
    case ClientEnd::done:
      if (result.text != calm.text || result.sound != calm.sound)
        promises_.broken(which + "another answer than in the calm run");
      return;
    case ClientEnd::failed:
      if (!is_allowed(result.why, manner, phase))
        promises_.broken(which + "failed with " + result.why);
      return;
    case ClientEnd::cut:
      // A service that is killed cuts all; one that ends refuses who comes later.
      if (phase != Phase::killed && (phase != Phase::draining || result.begun))
        promises_.broken(which + "its connection was cut: " + result.why);
      return;
    case ClientEnd::wrong: promises_.broken(which + result.why); return;
    case ClientEnd::refused:
    case ClientEnd::left: return;
  }
}

std::map<ClientEnd, std::size_t> Crowd::ends() const {
  const std::lock_guard lock(mutex_);
  return ends_;
}

}  // namespace limelight::bench
