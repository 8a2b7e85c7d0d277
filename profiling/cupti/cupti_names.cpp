#include "profiling/cupti/cupti_names.hpp"

#include <cxxabi.h>

#include <cstdlib>

namespace limelight::profiling {

namespace {
const char* copy_name(std::uint8_t kind) {
  switch (kind) {
    case CUPTI_ACTIVITY_MEMCPY_KIND_HTOD: return "HtoD";
    case CUPTI_ACTIVITY_MEMCPY_KIND_DTOH: return "DtoH";
    case CUPTI_ACTIVITY_MEMCPY_KIND_DTOD: return "DtoD";
    case CUPTI_ACTIVITY_MEMCPY_KIND_HTOH: return "HtoH";
    case CUPTI_ACTIVITY_MEMCPY_KIND_PTOP: return "PtoP";
    default: return "Unknown";
  }
}
const char* memory_name(unsigned kind) {
  switch (kind) {
    case CUPTI_ACTIVITY_MEMORY_KIND_PAGEABLE: return "Pageable";
    case CUPTI_ACTIVITY_MEMORY_KIND_PINNED: return "Pinned";
    case CUPTI_ACTIVITY_MEMORY_KIND_DEVICE: return "Device";
    case CUPTI_ACTIVITY_MEMORY_KIND_ARRAY: return "Array";
    case CUPTI_ACTIVITY_MEMORY_KIND_MANAGED: return "Managed";
    default: return "Unknown";
  }
}

// "cudaLaunchKernel_v7000" becomes "cudaLaunchKernel".
void remove_version(std::string& name) {
  const auto version = name.rfind("_v");
  if (version != std::string::npos && version + 2 < name.size() &&
      name.find_first_not_of("0123456789", version + 2) == std::string::npos)
    name.resize(version);
}
}  // namespace

std::string_view CuptiNames::kernel(const char* mangled) {
  if (mangled == nullptr) return "unnamed kernel";
  const auto [at, fresh] = kernels_.try_emplace(mangled);
  if (fresh) {
    int status = 0;
    char* plain = abi::__cxa_demangle(mangled, nullptr, nullptr, &status);
    at->second = status == 0 ? plain : mangled;
    std::free(plain);
  }
  return at->second;
}

std::string_view CuptiNames::call(CUpti_CallbackDomain domain, CUpti_CallbackId id) {
  const auto [at, fresh] =
      calls_.try_emplace(std::uint64_t{id} << 32 | static_cast<std::uint32_t>(domain));
  if (fresh) {
    const char* name = nullptr;
    const CUptiResult status = library_.callback_name(domain, id, &name);
    at->second = status == CUPTI_SUCCESS && name != nullptr ? name : "call " + std::to_string(id);
    remove_version(at->second);
  }
  return at->second;
}

std::string_view CuptiNames::memcpy(std::uint8_t copy_kind, std::uint8_t from, std::uint8_t to) {
  return composed(std::string("Memcpy ") + copy_name(copy_kind) + " (" + memory_name(from) +
                  " -> " + memory_name(to) + ")");
}
std::string_view CuptiNames::memset(unsigned memory_kind) {
  return composed(std::string("Memset (") + memory_name(memory_kind) + ")");
}
std::string_view CuptiNames::composed(std::string name) {
  return *composed_.try_emplace(name, std::make_unique<std::string>(name)).first->second;
}

std::string_view CuptiNames::synchronization(unsigned type) {
  switch (type) {
    case CUPTI_ACTIVITY_SYNCHRONIZATION_TYPE_EVENT_SYNCHRONIZE: return "Event Sync";
    case CUPTI_ACTIVITY_SYNCHRONIZATION_TYPE_STREAM_WAIT_EVENT: return "Stream Wait Event";
    case CUPTI_ACTIVITY_SYNCHRONIZATION_TYPE_STREAM_SYNCHRONIZE: return "Stream Sync";
    case CUPTI_ACTIVITY_SYNCHRONIZATION_TYPE_CONTEXT_SYNCHRONIZE: return "Context Sync";
    default: return "Unknown Sync";
  }
}
std::string_view CuptiNames::overhead(unsigned kind) {
  switch (kind) {
    case CUPTI_ACTIVITY_OVERHEAD_DRIVER_COMPILER: return "Driver Compiler";
    case CUPTI_ACTIVITY_OVERHEAD_CUPTI_BUFFER_FLUSH: return "Buffer Flush";
    case CUPTI_ACTIVITY_OVERHEAD_CUPTI_INSTRUMENTATION: return "Instrumentation";
    case CUPTI_ACTIVITY_OVERHEAD_CUPTI_RESOURCE: return "Resource";
    default: return "Unknown Overhead";
  }
}

}  // namespace limelight::profiling
