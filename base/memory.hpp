// How much memory this process can still have.
#pragma once

#include <cstdint>
#include <string>

namespace limelight {

// Bytes that can be allocated without swapping: what the kernel states for the machine
// (MemAvailable), or what the process's control group leaves, whichever is less. The largest number
// where neither is known. Any thread may call it.
std::uint64_t available_memory();

std::string gibibytes(std::uint64_t bytes);  // such as "1.3 GiB"

}  // namespace limelight
