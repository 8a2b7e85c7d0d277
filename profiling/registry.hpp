// All rings of this process, and the words that records refer to. Owned by the process; used by sessions alone.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "profiling/ring.hpp"

namespace limelight::profiling::detail {

struct Registry {
  std::mutex mutex;  // taken when a thread records for the first time, and once a drain
  std::vector<std::unique_ptr<Ring>> rings;
  std::vector<std::pair<int, std::string>> thread_names;
  std::uint64_t drops_of_freed_rings = 0;
};
Registry& registry();

std::string request_name(std::uint32_t request);

}  // namespace limelight::profiling::detail
