// The functions of libcupti that Limelight calls. They are loaded at run time, so that one binary
// runs on machines with and without CUPTI.
#pragma once

#include <cupti.h>

#include <limelight/result.hpp>
#include <string>

namespace limelight::profiling {

struct CuptiLibrary {
  decltype(&cuptiActivityRegisterCallbacks) register_callbacks;
  decltype(&cuptiActivityEnable) enable;
  decltype(&cuptiActivityDisable) disable;
  decltype(&cuptiActivityFlushAll) flush_all;
  decltype(&cuptiActivityGetNextRecord) next_record;
  decltype(&cuptiActivityGetNumDroppedRecords) dropped_records;
  decltype(&cuptiActivityPushExternalCorrelationId) push_external;
  decltype(&cuptiActivityPopExternalCorrelationId) pop_external;
  decltype(&cuptiActivityEnableRuntimeApi) enable_runtime_call;
  decltype(&cuptiSetThreadIdType) set_thread_id_type;
  decltype(&cuptiGetCallbackName) callback_name;
  decltype(&cuptiGetResultString) result_string;

  // path: as in CuptiOptions::library. Errors: unavailable (the library cannot be loaded, or it
  // lacks one of the functions).
  static Result<CuptiLibrary> load(const std::string& path);
  // Returns the error "cannot <what>: ..." for a status, with CUPTI's text and what the user can
  // do.
  Error error(const char* what, CUptiResult status) const;
};

}  // namespace limelight::profiling
