#include "stages/devices/cpu/cpu_kernels.hpp"

#include <cstdlib>
#include <string_view>

namespace limelight::stages {

const CpuKernels& cpu_kernels() {
  static const CpuKernels& chosen = []() -> const CpuKernels& {
    const char* wish = std::getenv("LIMELIGHT_CPU");
    const std::string_view wanted = wish == nullptr ? "" : wish;
#if defined(__x86_64__)
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool avx512 = avx2 && __builtin_cpu_supports("avx512f") &&
                        __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
                        __builtin_cpu_supports("avx512vnni");
    if (avx512 && __builtin_cpu_supports("avx512bf16") &&
        (wanted.empty() || wanted == "avx512bf16"))
      return avx512bf16_kernels;
    if (avx512 && (wanted.empty() || wanted.starts_with("avx512"))) return avx512_kernels;
    if (avx2 && wanted != "portable") return avx2_kernels;
#endif
    return portable_kernels;
  }();
  return chosen;
}

}  // namespace limelight::stages
