// The hot paths that `limelight bench count` counts: what is done for every span, event, chunk,
// step and token. Counts of instructions, allocations, system calls and bytes do not know how busy
// a machine is, so a change of a few per cent shows.
//
// The work of a path is the same each time, on any machine: no clock, no random number, no other
// thread decides about it. All of it runs on one thread.
#pragma once

#include <cstdint>
#include <functional>
#include <limelight/result.hpp>
#include <string>
#include <vector>

namespace limelight::bench {

struct CountedPath {
  std::string name;  // <folder>.<what>
  std::string unit;  // what the counts are divided by, such as "span"
  std::uint64_t units = 0;
  // Brings about what the work needs, each time before it; this is not counted.
  std::function<void()> prepare = [] {};
  // Returns the bytes that it has made: of records, text, members, chunks.
  std::function<std::uint64_t()> work;
};

// Spans and counters, recorded or not.
std::vector<CountedPath> record_paths();
// Events to text, and text to members.
std::vector<CountedPath> trace_paths();
// A chunk from a publisher to a subscriber. Errors: those of the broker.
Result<std::vector<CountedPath>> hand_off_paths();
// The choice of a step's requests, and the message that submits a request to a rank.
std::vector<CountedPath> rank_paths();
// A request as the service reads it, a token as it sends it.
std::vector<CountedPath> service_paths();

}  // namespace limelight::bench
