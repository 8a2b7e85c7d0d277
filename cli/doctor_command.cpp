#include "cli/doctor_command.hpp"

#include <dlfcn.h>

#include <cstdio>
#include <string>
#include <thread>

#include "base/shared_library.hpp"
#include "base/shm_budget.hpp"
#include "profiling/record/clock.hpp"

namespace limelight::cli {

namespace {

void say(const char* what, const std::string& found) {
  std::printf("%-16s %s\n", what, found.c_str());
}

std::string cpu_features() {
#if defined(__x86_64__)
  __builtin_cpu_init();
  std::string found;
  const auto add = [&](bool has, const char* name) {
    if (has) found += (found.empty() ? "" : ", ") + std::string(name);
  };
  add(__builtin_cpu_supports("avx2"), "AVX2");
  add(__builtin_cpu_supports("fma"), "FMA");
  add(__builtin_cpu_supports("avx512f"), "AVX-512");
  add(__builtin_cpu_supports("avx512vnni"), "VNNI");
  add(__builtin_cpu_supports("avx512bf16"), "BF16");
  return found.empty() ? "none of AVX2, FMA, AVX-512: products are slow here" : found;
#else
  return "not an x86-64 processor: the clock falls back to clock_gettime";
#endif
}

// Loads the library and unloads it again: a file that exists may still not be loadable.
std::string found(const SharedLibrary& library, const char* without) {
  const auto loaded = load(library);
  if (!loaded) return "not found: " + std::string(without);
  ::dlclose(loaded->handle);
  return "found (" + loaded->path + ")";
}

}  // namespace

int doctor() {
  say("cores", std::to_string(std::thread::hardware_concurrency()));
  say("CPU features", cpu_features());
  say("clock",
      std::string(profiling::clock_source()) + (std::string(profiling::clock_source()) == "tsc"
                                                    ? ": invariant, shared by all ranks"
                                                    : ": no invariant TSC, spans cost more"));
  if (const std::uint64_t free = shm_free(); free > 0)
    say("shared memory", std::to_string(free >> 20) + " MiB free in /dev/shm");
  else say("shared memory", "no room in /dev/shm, or none there: ranks cannot exchange chunks");
  say("CUDA driver", found(cuda_driver_library(), "stages run on the CPU"));
  say("CUPTI", found(cupti_library(), "GPU activity cannot be recorded"));
  say("NCCL",
      found(nccl_library(), "no collectives between GPUs; ranks on the CPU use shared memory"));
  return 0;
}

}  // namespace limelight::cli
