#include "stages/devices/machine_peak.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <immintrin.h>
#endif

#include <algorithm>
#include <atomic>
#include <barrier>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <span>
#include <string>
#include <thread>
#include <vector>

namespace limelight::stages {

namespace {

using Clock = std::chrono::steady_clock;

// Short pieces, of which the fastest counts: so it does not matter that others use the machine,
// too.
constexpr int tries = 40;
constexpr std::size_t chains = 16, rounds = 1 << 14;
constexpr std::size_t array_words = std::size_t{4} << 20,  // 32 MiB a thread
    piece_words = array_words / tries / 64 * 64;

// Sums that do not wait for one another, so that the units are busy all the time. Returns the
// number of operations; `sink` keeps the compiler from leaving them out.
#if defined(__x86_64__)
__attribute__((target("avx512f"))) double multiply_512(float* sink) {
  __m512 sums[chains];
  for (auto& sum : sums) sum = _mm512_set1_ps(1);
  const __m512 x = _mm512_set1_ps(0.5f), y = _mm512_set1_ps(0.25f);
  for (std::size_t i = 0; i < rounds; ++i)
    for (auto& sum : sums) sum = _mm512_fmadd_ps(sum, x, y);
  for (std::size_t i = 1; i < chains; ++i) sums[0] = _mm512_add_ps(sums[0], sums[i]);
  _mm512_storeu_ps(sink, sums[0]);
  return 2.0 * 16 * chains * rounds;
}
__attribute__((target("avx2,fma"))) double multiply_256(float* sink) {
  constexpr std::size_t registers = 12;  // of sixteen
  __m256 sums[registers];
  for (auto& sum : sums) sum = _mm256_set1_ps(1);
  const __m256 x = _mm256_set1_ps(0.5f), y = _mm256_set1_ps(0.25f);
  for (std::size_t i = 0; i < rounds; ++i)
    for (auto& sum : sums) sum = _mm256_fmadd_ps(sum, x, y);
  for (std::size_t i = 1; i < registers; ++i) sums[0] = _mm256_add_ps(sums[0], sums[i]);
  _mm256_storeu_ps(sink, sums[0]);
  return 2.0 * 8 * registers * rounds;
}
#endif
double multiply_plain(float* sink) {
  float sums[chains];
  std::fill(std::begin(sums), std::end(sums), 1.0f);
  for (std::size_t i = 0; i < rounds; ++i)
    for (float& sum : sums) sum = sum * 0.5f + 0.25f;
  std::copy(std::begin(sums), std::end(sums), sink);
  return 2.0 * chains * rounds;
}
double multiply(float* sink) {
#if defined(__x86_64__)
  if (__builtin_cpu_supports("avx512f")) return multiply_512(sink);
  if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) return multiply_256(sink);
#endif
  return multiply_plain(sink);
}

// One word of each cache line is enough to fetch the line.
std::uint64_t read_lines(std::span<const std::uint64_t> array) {
  constexpr std::size_t words = 8, streams = 8;
  std::uint64_t sums[streams] = {};
  for (std::size_t i = 0; i + words * streams <= array.size(); i += words * streams)
    for (std::size_t s = 0; s < streams; ++s) sums[s] += array[i + s * words];
  std::uint64_t all = 0;
  for (const std::uint64_t sum : sums) all += sum;
  return all;
}

// Runs work(try) on so many threads at once, and adds up the best rates of the threads: what work
// returns, in a second.
template <class Work>
double best_rate(int threads, Work work) {
  std::barrier<> meeting(threads);
  std::vector<double> best(static_cast<std::size_t>(threads), 0);
  const auto run = [&](std::size_t thread) {
    auto one = work();
    meeting.arrive_and_wait();
    for (int i = 0; i < tries; ++i) {
      const auto start = Clock::now();
      const double done = one(i);
      const std::chrono::duration<double> took = Clock::now() - start;
      best[thread] = std::max(best[thread], done / std::max(took.count(), 1e-9));
    }
  };
  std::vector<std::thread> others;
  for (std::size_t thread = 1; thread < best.size(); ++thread) others.emplace_back(run, thread);
  run(0);
  for (std::thread& other : others) other.join();
  double sum = 0;
  for (const double rate : best) sum += rate;
  return sum;
}

std::string json_of(const MachinePeak& peak) {
  char text[160];
  std::snprintf(text, sizeof text,
                "{\"gflops\": %.3f, \"gb_per_s\": %.3f, \"threads\": %d, \"what\": \"float32 from "
                "registers, and reading memory, measured\"}",
                peak.gflops, peak.gb_per_s, peak.threads);
  return text;
}

// When the machine was started: a measurement of another machine with this name is none of it.
std::string boot_id() {
  std::string id;
  std::getline(std::ifstream("/proc/sys/kernel/random/boot_id"), id);
  return id;
}

}  // namespace

MachinePeak measure_peak(int count) {
  const int threads = std::max(count, 1);
  static std::atomic<std::uint64_t> kept{0};  // of what was computed, so that it is
  MachinePeak peak{.threads = threads};
  peak.gflops = best_rate(threads,
                          [] {
                            return [](int) {
                              float sink[chains] = {};
                              const double done = multiply(sink);
                              std::uint32_t bits = 0;
                              std::memcpy(&bits, sink, sizeof bits);
                              kept.fetch_add(bits, std::memory_order_relaxed);
                              return done;
                            };
                          }) /
                1e9;
  // Each piece of an array is read once: what was read before is in no cache close to the core.
  peak.gb_per_s =
      best_rate(threads,
                [] {
                  return [array = std::vector<std::uint64_t>(array_words, 1)](int i) {
                    const std::span<const std::uint64_t> piece(
                        array.data() + static_cast<std::size_t>(i) * piece_words, piece_words);
                    kept.fetch_add(read_lines(piece), std::memory_order_relaxed);
                    return static_cast<double>(piece.size_bytes());
                  };
                }) /
      1e9;
  return peak;
}

std::string machine_peak_json(int threads) {
  std::error_code failed;
  const auto folder = std::filesystem::temp_directory_path(failed);
  // Not as the files are named that a start removes when nobody holds them (ipc::clean_stale()).
  const std::string name =
      ".limelight-peak-" + std::to_string(::geteuid()) + "-" + std::to_string(threads);
  const int file =
      failed ? -1
             : ::open((folder / name).c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
  struct stat status {};
  if (file < 0 || ::fstat(file, &status) != 0 || status.st_uid != ::geteuid() ||
      !S_ISREG(status.st_mode) || ::flock(file, LOCK_EX) != 0) {
    if (file >= 0) ::close(file);
    return json_of(measure_peak(threads));
  }
  const std::string boot = boot_id() + "\n";
  std::string text(512, '\0');
  const ssize_t size = ::pread(file, text.data(), text.size(), 0);
  text.resize(static_cast<std::size_t>(std::max<ssize_t>(size, 0)));
  std::string json;
  if (text.starts_with(boot) && text.ends_with("}\n"))
    json = text.substr(boot.size(), text.size() - boot.size() - 1);
  if (json.empty()) {
    json = json_of(measure_peak(threads));
    text = boot + json + "\n";
    if (::ftruncate(file, 0) != 0 ||
        ::pwrite(file, text.data(), text.size(), 0) != static_cast<ssize_t>(text.size()))
      (void)!::ftruncate(file, 0);
  }
  ::close(file);  // and unlocks it
  return json;
}

}  // namespace limelight::stages
