// Which rows a report has, and what they are called: a row for each thread and each stream of a
// device, and one for the asynchronous spans of a kind.
//
// What processes and threads are called may come after their events. One thread uses an object.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "profiling/analysis/trace_event.hpp"

namespace limelight::profiling {

class ReportLanes {
 public:
  using Track = std::uint32_t;
  enum class Kind : std::uint8_t { thread, device, annotations, spans };
  struct Lane {
    std::uint32_t file;
    std::int64_t pid, tid;
    Kind kind;
    int rank;
    std::string spans;  // whose spans they are
  };

  void begin_file() { ++file_; }
  void metadata(const EventLine& event);
  // What a pid or tid was in the file that is no number there; empty for the others.
  void name_thread(std::int64_t pid, std::int64_t tid, const std::string& name);
  // The track of an event; numbered from 0. spans: of which spans it is.
  Track track(const EventLine& event, Kind kind, int rank, const std::string& spans = {});
  // Whether the process is one of a device, as far as is known until now.
  bool of_device(std::int64_t pid) const;

  const Lane& lane(Track track) const { return lanes_[track]; }
  std::size_t size() const noexcept { return lanes_.size(); }
  std::string label(Track track) const;

 private:
  struct Process {
    std::string name, label;
    std::map<std::int64_t, std::string> threads;
  };
  using Key = std::tuple<std::uint32_t, std::int64_t, std::int64_t, Kind, std::string>;

  std::uint32_t file_ = 0;
  std::map<std::pair<std::uint32_t, std::int64_t>, Process> processes_;
  std::map<Key, Track> tracks_;
  std::vector<Lane> lanes_;
  std::map<int, std::pair<std::uint32_t, std::int64_t>> first_;  // process of each rank
};

}  // namespace limelight::profiling
