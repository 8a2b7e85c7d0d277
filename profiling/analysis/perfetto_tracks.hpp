// The tracks of a Perfetto trace, and where their events belong in a trace of processes and
// threads. One thread fills an object; then any number may ask.
//
//   a track                                   its events are
//   of a thread                               slices of this thread
//   of a process, or below one                asynchronous spans of the process
//   of a counter                              values of the process, named by the track
//   below none of these                       of a process of its own, named by the topmost track
//
// In traces of ours tracks below none are GPUs, and all tracks have slices.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "profiling/analysis/packet_fields.hpp"

namespace limelight::profiling {

class PerfettoTracks {
 public:
  using Track = std::uint32_t;  // from 0, in the order of their appearance

  struct Thread {
    std::int64_t pid = 0, tid = 0;
    std::string name{};
    std::int64_t reference_us = 0;  // where older writers begin to count
  };
  static Thread read_thread(PacketFields message);

  Track of_uuid(std::uint64_t uuid);
  Track of_thread(const Thread& thread);
  void name_thread(const Thread& thread);
  // Adds a TrackDescriptor, ProcessDescriptor, ThreadDescriptor or ProcessTree message. They throw
  // protozero::exception if it is damaged.
  void describe(PacketFields descriptor);
  void describe_process(PacketFields process);
  void describe_tree(PacketFields tree);

  struct Counter {
    bool incremental = false;
    std::int64_t factor = 1;
  };
  // Nothing if it is not known to be one.
  const Counter* counter(Track track) const;
  std::size_t size() const noexcept { return tracks_.size(); }

  struct Place {
    std::int64_t pid = 0, tid = 0;
    bool of_thread = false;
    std::string counter_name{};
  };
  // After all descriptors. own: a trace of ours.
  void finish(bool own);
  const Place& place(Track track) const { return places_[track]; }
  // The names of all processes and threads, as events of a trace; after finish().
  const std::vector<std::string>& metadata() const noexcept { return metadata_; }

 private:
  struct One {
    std::uint64_t uuid = 0, parent = 0;
    std::string name;
    std::optional<std::int64_t> pid, tid;
    std::optional<Counter> counter;
    bool has_events = false;
  };
  struct Process {
    std::string name;
    std::size_t order = 0;
    std::map<std::int64_t, std::string> threads;
    bool gpu = false;
  };
  One& one(std::uint64_t uuid);
  Process& process(std::int64_t pid);
  const One* parent_of(const One& one) const;
  Place make_place(Track track, bool own);

  std::vector<One> tracks_;
  std::map<std::uint64_t, Track> by_uuid_;
  std::map<std::pair<std::int64_t, std::int64_t>, Track> by_thread_;
  std::map<std::int64_t, Process> processes_;
  std::map<std::uint64_t, std::int64_t> made_pids_;  // by the topmost track
  std::vector<Place> places_;
  std::vector<std::string> metadata_;
};

}  // namespace limelight::profiling
