#include "base/shared_library.hpp"

#include <dlfcn.h>

namespace limelight {

namespace {
// Tries the bare name first, which the dynamic loader searches for, and then the folder that the
// CUDA toolkit had when Limelight was built.
SharedLibrary of_the_toolkit(std::string what, const std::vector<std::string>& names) {
  SharedLibrary library{.what = std::move(what), .paths = names};
#ifdef LIMELIGHT_CUDA_LIB_DIR
  for (const std::string& name : names) library.paths.push_back(LIMELIGHT_CUDA_LIB_DIR "/" + name);
#endif
  return library;
}
}  // namespace

SharedLibrary cupti_library() { return of_the_toolkit("CUPTI", {"libcupti.so.13"}); }
SharedLibrary nccl_library() { return of_the_toolkit("NCCL", {"libnccl.so.2"}); }
SharedLibrary cuda_driver_library() {
  return {.what = "the CUDA driver", .paths = {"libcuda.so.1"}};
}

Result<LoadedLibrary> load(const SharedLibrary& library) {
  std::string why;
  for (const std::string& path : library.paths) {
    if (void* handle = ::dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL))
      return LoadedLibrary{.handle = handle, .path = path};
    if (why.empty()) why = ::dlerror();
  }
  return Error{ErrorCode::unavailable, library.what + " cannot be loaded: " + why};
}

}  // namespace limelight
