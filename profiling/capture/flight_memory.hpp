// The memory of a flight recorder: a circular buffer of records together with the names that the
// records refer to, so that another process can read it without the writer's help.
//
// One process writes, and its callers hold the recorder's lock. Another process reads the memory as
// a file once the writer has ended or has stopped answering, so it may find a record half written.
// open() checks every size in the file before it uses it.
#pragma once

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <limelight/result.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "profiling/record/record.hpp"

namespace limelight::profiling {

// The state of the process whose memory is read: it has ended, or it exists and does not answer.
enum class Owner { gone, silent };

struct KeptRecord {
  Record record;
  int thread_id = 0;
};

class FlightMemory {
 public:
  // file: see FlightOptions. All of it is allocated here, so that a full /dev/shm is no SIGBUS
  // later. If the file cannot be made or has no room, private memory is used instead, and the log
  // says so. Throws std::bad_alloc if the memory cannot be mapped.
  static std::unique_ptr<FlightMemory> create(const std::filesystem::path& file,
                                              std::size_t most_records);
  // The size of a file for so many records, and how many fit into a file of some size.
  static std::size_t bytes_for(std::size_t most_records) noexcept;
  static std::size_t records_in(std::size_t bytes) noexcept;
  // Maps the file read-only. Errors: not_found, io (cannot be mapped), busy (`owner` is gone, but
  // the process still runs), corrupt (not a flight recorder's file, a file of another user, or
  // impossible sizes).
  static Result<std::unique_ptr<FlightMemory>> open(const std::filesystem::path& file, Owner owner);
  ~FlightMemory();  // removes the file that create() made
  FlightMemory(const FlightMemory&) = delete;

  void keep(const KeptRecord& kept) noexcept;
  // Stores the names that were interned since the last call, the names of the threads, and the
  // number of records that were lost so far (`drops`).
  void keep_words(std::uint64_t drops);
  // Stores the first 55 bytes of a request's name. Newer requests take the place of those for which
  // end_request() was called; those are the last 4096, or nearly.
  void keep_request_name(std::uint32_t request, std::string_view id) noexcept;
  void end_request(std::uint32_t request) noexcept;
  // Stores the CPU time that the recorder's thread used between two times, which are in ticks.
  void keep_cost(std::uint64_t cpu_ns, std::uint64_t began, std::uint64_t until) noexcept;

  // The records that ended at `from` ticks or later, oldest first. Sets `overwritten` if newer
  // records have replaced some of them.
  std::vector<KeptRecord> since(std::uint64_t from, bool& overwritten) const;
  int pid() const noexcept;
  std::uint64_t drops() const noexcept;
  double cpu_share() const noexcept;  // the recorder thread's use of one core, from 0 to 1
  NameInfo name(NameId id) const;
  std::string request_name(std::uint32_t request) const;
  std::vector<std::pair<int, std::string>> thread_names() const;

 private:
  struct Layout;
  FlightMemory() = default;
  Layout* at_ = nullptr;
  std::size_t bytes_ = 0;
  int fd_ = -1;
  std::filesystem::path file_;  // the file that create() made; empty after open()
  std::uint32_t names_kept_ = 0;
  std::vector<NameInfo> names_;  // read by open(); empty after create()
};

}  // namespace limelight::profiling
