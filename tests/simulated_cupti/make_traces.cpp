// Writes the traces of two ranks on simulated GPUs, for readers that analyse kernels.
//
//   make_traces <folder>
#include <dlfcn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>

#include "profiling/capture/session.hpp"
#include "profiling/cupti/cupti_source.hpp"
#include "profiling/record/clock.hpp"
#include "profiling/record/correlated_span.hpp"
#include "simulated_cupti.hpp"

namespace prof = limelight::profiling;

namespace {
int write_rank(const std::filesystem::path& folder, int rank) {
  void* library = dlopen(SIMULATED_CUPTI, RTLD_NOW);
  const auto launch =
      reinterpret_cast<simulated_cupti::Launch>(dlsym(library, "simulated_cupti_launch"));
  auto source = prof::make_cupti_source({SIMULATED_CUPTI, {}, std::size_t{1} << 20, 24});
  if (!source) return std::fprintf(stderr, "%s\n", source.error().message.c_str()), 1;
  prof::DeviceProperties gpu;
  gpu.name = "Simulated GPU";
  gpu.max_threads_per_sm = 2048;
  gpu.shared_per_sm = 233472;
  gpu.shared_per_block_optin = 232448;
  gpu.sm_count = 132;
  auto session = prof::Session::start({.directory = folder,
                                       .timestamp = "1700000000000",
                                       .rank = rank,
                                       .world_size = 2,
                                       .stage_id = 0,
                                       .stage_name = "thinker",
                                       .base_ns = prof::default_base_ns(),
                                       .source = source->get(),
                                       .devices = {gpu}});
  if (!session) return std::fprintf(stderr, "%s\n", session.error().message.c_str()), 1;
  const auto step =
      prof::intern("thinker step", prof::Category::user_annotation, prof::ValueKind::step);
  const auto op = prof::intern("linear", prof::Category::cpu_op, prof::ValueKind::matmul, true);
  for (std::uint64_t n = 0; n < 20; ++n) {
    const prof::Span whole(step, n);
    for (int i = 0; i < 50; ++i) {
      prof::CorrelatedSpan span(op, prof::pack_dims(1, 640, 640));
      span.set_collective({"all_reduce", 640, 640, "Float", 2, "stage", "[0, 1]", n});
      launch(1);
      usleep(10);
    }
  }
  const auto report = (*session)->stop();
  if (!report) return std::fprintf(stderr, "%s\n", report.error().message.c_str()), 1;
  return 0;
}
}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  for (int rank = 0; rank < 2; ++rank) {
    const pid_t child = fork();
    if (child == 0) _exit(write_rank(argv[1], rank));
    int status = 0;
    waitpid(child, &status, 0);
    if (status != 0) return 1;
  }
}
