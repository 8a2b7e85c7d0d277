// The memory of a flight recorder: records in a circle, and the words that they refer to, so that
// another process can read it.
//
// One process writes, with a lock of its own; whoever reads it as a file does so when that process
// is gone. Sizes are checked before they are believed.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "profiling/record.hpp"
#include "profiling/result.hpp"

namespace limelight::profiling {

// Of a memory that is read: its process is gone, or is there and does not answer.
enum class Owner { gone, silent };

struct KeptRecord {
  Record record;
  int thread_id = 0;
};

class FlightMemory {
 public:
  // file: see FlightOptions. Never fails: without a file it is memory of this process.
  static std::unique_ptr<FlightMemory> create(const std::filesystem::path& file,
                                              std::size_t most_records);
  // Read-only. Errors: not_found, busy (its process lives, and was said to be gone), corrupt (not
  // such a file, of somebody else, or of impossible sizes).
  static Result<std::unique_ptr<FlightMemory>> open(const std::filesystem::path& file, Owner owner);
  ~FlightMemory();  // removes the file that create() made
  FlightMemory(const FlightMemory&) = delete;

  void keep(const KeptRecord& kept) noexcept;
  // Names that were interned since the last call, and the threads. drops: records lost so far.
  void keep_words(std::uint64_t drops);
  void keep_request_name(std::uint32_t request, std::string_view id) noexcept;
  // What the recorder's thread took between two times, in ticks.
  void keep_cost(std::uint64_t cpu_ns, std::uint64_t began, std::uint64_t until) noexcept;

  // Oldest first, of those that ended at `from` ticks or later. overwritten: whether some of that
  // time is gone.
  std::vector<KeptRecord> since(std::uint64_t from, bool& overwritten) const;
  int pid() const noexcept;
  std::uint64_t drops() const noexcept;
  double cpu_share() const noexcept;  // of one core, that the recorder's thread takes
  NameInfo name(NameId id) const;
  std::string request_name(std::uint32_t request) const;
  std::vector<std::pair<int, std::string>> thread_names() const;

 private:
  struct Layout;
  FlightMemory() = default;
  Layout* at_ = nullptr;
  std::size_t bytes_ = 0;
  int fd_ = -1;
  std::filesystem::path file_;  // of create()
  std::uint32_t names_kept_ = 0;
  std::vector<NameInfo> names_;  // of open()
};

}  // namespace limelight::profiling
