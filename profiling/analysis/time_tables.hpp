// Adds up the time of any traces by operation, and by stage and shape on request.
//
//   table        what is in it
//   cpu          slices of threads; waiting (waiting.hpp) is told apart from work
//   device       kernels, copies and fills; waits of streams are waiting
//   annotations  spans that programs and frameworks lay over a device's work; a kernel inside is
//                time of the device table already
//   other        asynchronous spans, and the profiler's own
//
// A merged file's tracks of requests are in none: they show the same work once more.
//
// Kernels and annotations of a device are told by their category (Kineto), or by their process: one
// whose name begins with /device: (JAX, XLA), or whose label is GPU. One thread uses an object.
#pragma once

#include <array>
#include <limelight/result.hpp>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "profiling/analysis/device_time.hpp"
#include "profiling/analysis/op_table.hpp"
#include "profiling/analysis/rank_numbers.hpp"
#include "profiling/analysis/slice_totals.hpp"
#include "profiling/analysis/trace_reader.hpp"

namespace limelight::profiling {

enum class TimeKind : std::size_t { cpu, device, annotations, other };
constexpr std::array<const char*, 4> time_kind_names{"cpu", "device", "annotations", "other"};

// Whether Kineto, of this year or earlier ones and with GPUs of either maker, or rocprofv3 gives
// the category to what a device computes or copies.
bool is_device_category(std::string_view category);

class TimeTables {
 public:
  struct Options {
    bool by_stage = false, by_shape = false;
    bool by_rank = false;  // in place of by_stage: the rows' stages are the numbers of ranks
  };
  struct File {
    std::filesystem::path path{};
    TraceOrigin origin{};
    std::uint64_t slices = 0, others = 0;  // others: events that are no slices
    std::string odd{};                     // what was left out or mended; empty if nothing was
    std::string own_json{};                // what a trace of ours says of itself; else empty
    // What its machine can do at most, as JSON (SessionOptions::peak_json); empty: not stated.
    std::string peak_json{};
    bool products = false;  // operations were counted in it
  };

  explicit TimeTables(Options options) : options_(options) {}
  TimeTables() : TimeTables(Options()) {}

  // Errors: not_found, corrupt, io.
  Result<void> add(const std::filesystem::path& file);
  Result<void> finish();

  const std::vector<File>& files() const noexcept { return files_; }
  std::uint64_t slices() const noexcept;
  // How the devices of each rank spent their time; after finish(). Those of processes that only
  // their names make devices are not in it.
  const std::vector<DeviceShares>& devices() const noexcept { return devices_; }
  std::string rank_name(int rank) { return ranks_.name(rank); }
  // Sorted; after finish().
  const std::vector<TimeRow>& rows(TimeKind kind) const {
    return rows_[static_cast<std::size_t>(kind)];
  }

 private:
  // A process of a file: what its metadata, which may come late, say of it.
  struct Process {
    bool device = false, cpu = false, requests = false, spans = false;
    bool kernels = false;  // has slices that their category gives to a device
    std::string stage;
    std::map<std::int64_t, std::string> threads;  // names
  };
  struct Lane {
    std::uint32_t file;
    std::int64_t pid, tid;
    TimeKind kind;
    int rank;
  };
  struct Open {  // an asynchronous span that began
    std::string name;
    std::int64_t ns;
  };

  Result<void> add_event(const EventLine& event);
  Result<void> slice(const EventLine& event,
                     TimeKind kind,
                     std::string_view lane,
                     std::string_view name,
                     std::int64_t from,
                     std::int64_t to);
  Result<void> async(const EventLine& event);
  void metadata(const EventLine& event);
  SliceTotals::Name name_of(const EventLine& event, std::string_view name);
  void product(const EventLine& event, SliceTotals::Track track, SliceTotals::Name name);
  TimeKind kind_of(const Lane& lane) const;
  std::string stage_of(const Lane& lane) const;

  struct Products {
    std::uint64_t flops = 0, bytes = 0;
    std::int64_t ns = 0, of_peak_ns = 0;
    double peak_ns = 0;
  };
  Options options_;
  std::map<std::pair<SliceTotals::Track, SliceTotals::Name>, Products> products_;
  double flops_per_ns_ = 0, bytes_per_ns_ = 0;  // the peak of the file's machine; 0: not known
  RankNumbers ranks_;
  std::vector<File> files_;
  SliceTotals totals_;
  std::vector<Lane> lanes_;  // by track
  std::map<std::pair<std::uint32_t, std::int64_t>, Process> processes_;
  std::map<std::string, std::vector<Open>> begun_;  // asynchronous spans of the file being read
  std::uint64_t unfinished_ = 0;
  int rank_ = 0;  // of the event that is added
  std::array<std::vector<TimeRow>, 4> rows_;
  DeviceTime device_time_;
  std::vector<DeviceShares> devices_;
};

}  // namespace limelight::profiling
