// The libraries of a GPU machine that are loaded at run time: their names and places stand here,
// once for those that call them and for `limelight doctor`, which says what they would find.
//
// Any thread may call these functions.
#pragma once

#include <limelight/result.hpp>
#include <string>
#include <vector>

namespace limelight {

struct SharedLibrary {
  std::string what;                // as a person calls it
  std::vector<std::string> paths;  // in the order in which they are tried
};

// The major version is that of the headers this build was made with: another one has other structs.
SharedLibrary cupti_library();
SharedLibrary nccl_library();
SharedLibrary cuda_driver_library();

struct LoadedLibrary {
  void* handle = nullptr;  // of dlopen(); stays loaded unless the caller closes it
  std::string path;        // the one of `paths` that was there
};
// Errors: unavailable, with what the loader said to the first path.
Result<LoadedLibrary> load(const SharedLibrary& library);

}  // namespace limelight
