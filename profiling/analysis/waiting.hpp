// Which slices of a CPU's thread are waiting, not work: the thread had no work, or could not go on.
// They have a column of their own in the tables, and are not CPU time.
#pragma once

#include <string_view>

namespace limelight::profiling {

// name: without escapes. Slices of Limelight: waits for chunks, room and memory (`wait....`), and
// collectives, which end when the last rank has come. Of others: what CUDA and HIP synchronise
// with, Python's sleeps, locks and sockets, gloo's collectives. A slice that has its wait inside
// itself as another slice is none.
bool is_waiting(std::string_view category, std::string_view name);

}  // namespace limelight::profiling
