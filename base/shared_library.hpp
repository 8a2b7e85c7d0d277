// The libraries for GPUs, which are loaded at run time. Their names and paths are in this file
// only: `limelight doctor` looks for the same files that the library loads.
//
// Any thread may call these functions.
#pragma once

#include <limelight/result.hpp>
#include <string>
#include <vector>

namespace limelight {

struct SharedLibrary {
  std::string what;                // its name in messages, such as "NCCL"
  std::vector<std::string> paths;  // load() tries them in this order
};

// The file names contain the major version of the headers that this build was compiled with. The
// structs of another major version would differ.
SharedLibrary cupti_library();
SharedLibrary nccl_library();
SharedLibrary cuda_driver_library();

struct LoadedLibrary {
  void* handle = nullptr;  // from dlopen(); the library stays loaded unless the caller closes it
  std::string path;        // the path that was loaded
};
// Errors: unavailable (with the dynamic loader's message about the first path).
Result<LoadedLibrary> load(const SharedLibrary& library);

}  // namespace limelight
