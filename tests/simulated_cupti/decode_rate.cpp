// Measures how many CUPTI records of a simulated libcupti the session's thread decodes, formats,
// compresses and writes in a second of its CPU time.
#include <dlfcn.h>

#include <cstdio>
#include <filesystem>
#include <thread>

#include "profiling/capture/session.hpp"
#include "profiling/cupti/cupti_source.hpp"
#include "profiling/record/clock.hpp"
#include "simulated_cupti.hpp"

namespace prof = limelight::profiling;

int main() {
  void* library = dlopen(SIMULATED_CUPTI, RTLD_NOW);
  const auto launch =
      reinterpret_cast<simulated_cupti::Launch>(dlsym(library, "simulated_cupti_launch"));
  auto source = prof::make_cupti_source({SIMULATED_CUPTI, {}, std::size_t{1} << 20, 64});
  const auto folder = std::filesystem::temp_directory_path() / "decode-rate";
  if (!source) return 1;
  auto session = prof::Session::start({.directory = folder,
                                       .timestamp = "1",
                                       .rank = 0,
                                       .world_size = 1,
                                       .stage_id = 0,
                                       .stage_name = "rate",
                                       .base_ns = prof::default_base_ns(),
                                       .source = source->get(),
                                       .devices = {}});
  if (!session) return 1;
  for (int i = 0; i < 400; ++i) {
    launch(2500);  // each has two records
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
  }
  const auto report = (*session)->stop();
  if (!report) return 1;
  std::printf(
      "{\"results\": [{\"name\": \"cupti_rate\", \"params\": {\"records\": %lu, \"drops\": %lu}, "
      "\"value\": %.3f, \"unit\": \"M/s\", \"peer\": null, "
      "\"peer_value\": null, \"ratio\": null}, {\"name\": \"cupti_bytes_per_event\", \"params\": "
      "{}, \"value\": %.2f, \"unit\": \"B\", \"peer\": null, "
      "\"peer_value\": null, \"ratio\": null}]}\n",
      report->events, report->drops,
      static_cast<double>(report->events) / static_cast<double>(report->profiler_cpu_ns) * 1000,
      static_cast<double>(report->bytes) / static_cast<double>(report->events));
  std::filesystem::remove_all(folder);
}
