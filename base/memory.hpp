// How much memory this process can still allocate.
#pragma once

#include <cstdint>
#include <string>

namespace limelight {

// Returns the number of bytes that can be allocated without swapping: the memory that is available
// on the machine (MemAvailable), or the memory that is left in the process's control group,
// whichever is less. Returns the largest number if neither is known. Any thread may call it.
std::uint64_t available_memory();

std::string gibibytes(std::uint64_t bytes);  // such as "1.3 GiB"

}  // namespace limelight
