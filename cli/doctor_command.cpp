#include "cli/doctor_command.hpp"

#include <dlfcn.h>
#include <sys/statvfs.h>

#include <cstdio>
#include <string>
#include <thread>

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
std::string library(const char* const* names, const char* without) {
  for (; *names != nullptr; ++names)
    if (void* handle = dlopen(*names, RTLD_LAZY | RTLD_LOCAL)) {
      dlclose(handle);
      return std::string("found (") + *names + ")";
    }
  return std::string("not found: ") + without;
}

}  // namespace

int doctor() {
  say("cores", std::to_string(std::thread::hardware_concurrency()));
  say("CPU features", cpu_features());
  say("clock",
      std::string(profiling::clock_source()) + (std::string(profiling::clock_source()) == "tsc"
                                                    ? ": invariant, shared by all ranks"
                                                    : ": no invariant TSC, spans cost more"));
  struct statvfs shm {};
  if (statvfs("/dev/shm", &shm) == 0)
    say("shared memory",
        std::to_string(shm.f_bavail * shm.f_frsize >> 20) + " MiB free in /dev/shm");
  else say("shared memory", "no /dev/shm: ranks cannot exchange chunks");
  const char* const driver[] = {"libcuda.so.1", nullptr};
  const char* const runtime[] = {"libcudart.so.13", "libcudart.so.12", "libcudart.so",
                                 "/usr/local/cuda/lib64/libcudart.so", nullptr};
  const char* const cupti[] = {"libcupti.so.13",
                               "libcupti.so.12",
                               "libcupti.so",
                               "/usr/local/cuda/lib64/libcupti.so",
                               "/usr/local/cuda/extras/CUPTI/lib64/libcupti.so",
                               nullptr};
  const char* const nccl[] = {"libnccl.so.2", "/usr/local/cuda/lib64/libnccl.so.2", nullptr};
  say("CUDA driver", library(driver, "stages run on the CPU"));
  say("CUDA runtime", library(runtime, "the toolkit is not installed"));
  say("CUPTI", library(cupti, "GPU activity cannot be recorded"));
  say("NCCL", library(nccl, "no collectives between GPUs; ranks on the CPU use shared memory"));
  return 0;
}

}  // namespace limelight::cli
