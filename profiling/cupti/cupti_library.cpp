#include "profiling/cupti/cupti_library.hpp"

#include <dlfcn.h>

#include <type_traits>

#include "base/shared_library.hpp"

namespace limelight::profiling {

namespace {
std::string what_to_do(CUptiResult status) {
  switch (status) {
    case CUPTI_ERROR_MULTIPLE_SUBSCRIBERS_NOT_SUPPORTED:
      return ": another profiler (such as nsys or compute-sanitizer) is attached to this process: "
             "end it to record GPU activity here";
    case CUPTI_ERROR_INSUFFICIENT_PRIVILEGES:
    case CUPTI_ERROR_VIRTUALIZED_DEVICE_INSUFFICIENT_PRIVILEGES:
      return ": this user may not profile: the administrator can allow it with the driver option "
             "NVreg_RestrictProfilingToAdminUsers=0";
    case CUPTI_ERROR_NOT_INITIALIZED:
    case CUPTI_ERROR_UNKNOWN: return ": this machine has no CUDA driver that works";
    case CUPTI_ERROR_VIRTUALIZED_DEVICE_NOT_SUPPORTED:
      return ": this virtual GPU does not support profiling";
    case CUPTI_ERROR_NOT_COMPATIBLE: return ": the CUDA driver is too old for this CUPTI";
    default: return "";
  }
}
}  // namespace

Result<CuptiLibrary> CuptiLibrary::load(const std::string& path) {
  const auto loaded = limelight::load(
      path.empty() ? cupti_library() : SharedLibrary{.what = "CUPTI", .paths = {path}});
  if (!loaded)
    return Error{ErrorCode::unavailable,
                 loaded.error().message + " (install the CUDA toolkit's cupti package)"};
  CuptiLibrary library{};
  std::string missing;
  const auto find = [&](auto& function, const char* name) {
    function =
        reinterpret_cast<std::remove_reference_t<decltype(function)>>(dlsym(loaded->handle, name));
    if (function == nullptr) missing += (missing.empty() ? "" : ", ") + std::string(name);
  };
  find(library.register_callbacks, "cuptiActivityRegisterCallbacks");
  find(library.enable, "cuptiActivityEnable");
  find(library.disable, "cuptiActivityDisable");
  find(library.flush_all, "cuptiActivityFlushAll");
  find(library.next_record, "cuptiActivityGetNextRecord");
  find(library.dropped_records, "cuptiActivityGetNumDroppedRecords");
  find(library.push_external, "cuptiActivityPushExternalCorrelationId");
  find(library.pop_external, "cuptiActivityPopExternalCorrelationId");
  find(library.enable_runtime_call, "cuptiActivityEnableRuntimeApi");
  find(library.set_thread_id_type, "cuptiSetThreadIdType");
  find(library.callback_name, "cuptiGetCallbackName");
  find(library.result_string, "cuptiGetResultString");
  if (!missing.empty())
    return Error{ErrorCode::unavailable, loaded->path + " is too old: it has no " + missing};
  return library;
}

Error CuptiLibrary::error(const char* what, CUptiResult status) const {
  const char* text = nullptr;
  (void)result_string(status, &text);
  return {ErrorCode::unavailable, std::string("cannot ") + what + ": CUPTI error " +
                                      std::to_string(static_cast<int>(status)) + " (" +
                                      (text != nullptr ? text : "?") + ")" + what_to_do(status)};
}

}  // namespace limelight::profiling
