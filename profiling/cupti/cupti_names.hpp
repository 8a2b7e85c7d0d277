// The names of device activities in a trace, as PyTorch's tools expect them.
//
// There are few names and many records, so each name is composed once. The returned views are valid
// as long as the object exists. One thread uses an object.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>

#include "profiling/cupti/cupti_library.hpp"

namespace limelight::profiling {

class CuptiNames {
 public:
  // `library` must outlive the object.
  explicit CuptiNames(const CuptiLibrary& library) : library_(library) {}

  // The demangled name of a kernel. mangled: as in CUPTI's record, may be null; CUPTI keeps the
  // string for the life of the process.
  std::string_view kernel(const char* mangled);
  // The function of the runtime API or of the driver API, such as "cudaLaunchKernel".
  std::string_view call(CUpti_CallbackDomain domain, CUpti_CallbackId id);
  // Such as "Memcpy HtoD (Pinned -> Device)". The arguments are those of CUPTI's record.
  std::string_view memcpy(std::uint8_t copy_kind, std::uint8_t from, std::uint8_t to);
  // Such as "Memset (Device)".
  std::string_view memset(unsigned memory_kind);
  static std::string_view synchronization(unsigned type);
  static std::string_view overhead(unsigned kind);

 private:
  std::string_view composed(std::string name);

  const CuptiLibrary& library_;
  std::unordered_map<const char*, std::string> kernels_;
  std::unordered_map<std::uint64_t, std::string> calls_;
  std::unordered_map<std::string, std::unique_ptr<std::string>> composed_;
};

}  // namespace limelight::profiling
