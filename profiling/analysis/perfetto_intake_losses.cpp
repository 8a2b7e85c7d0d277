// The part of PerfettoIntake that says what was left out.
#include "profiling/analysis/counted.hpp"
#include "profiling/analysis/perfetto_intake.hpp"
#include "profiling/trace/perfetto_fields.hpp"

namespace limelight::profiling {

namespace field = perfetto_field;

namespace {

std::string name_of_packet(std::uint32_t kind) {
  static const std::map<std::uint32_t, const char*> known{{1, "ftrace_events"},
                                                          {5, "chrome_events"},
                                                          {7, "sys_stats"},
                                                          {9, "process_stats"},
                                                          {37, "profile_packet"},
                                                          {38, "battery"},
                                                          {39, "android_log"},
                                                          {40, "power_rails"},
                                                          {49, "perfetto_metatrace"},
                                                          {52, "gpu_counter_event"},
                                                          {53, "gpu_render_stage_event"},
                                                          {54, "streaming_profile_packet"},
                                                          {57, "graphics_frame_event"},
                                                          {61, "module_symbols"},
                                                          {62, "vulkan_memory_event"},
                                                          {65, "vulkan_api_event"},
                                                          {68, "smaps_packet"},
                                                          {71, "gpu_mem_total_event"},
                                                          {73, "memory_tracker_snapshot"},
                                                          {76, "frame_timeline_event"},
                                                          {133, "zstd_compressed_packets"}};
  const auto at = known.find(kind);
  return at != known.end() ? at->second : "packet of kind " + std::to_string(kind);
}

}  // namespace

std::string PerfettoIntake::losses(const std::string& broken,
                                   std::uint64_t compressed_damaged) const {
  std::string text;
  const auto add = [&text](const std::string& what) {
    text.append(text.empty() ? "" : "; ").append(what);
  };
  std::uint64_t unknown = 0;
  std::string kinds;
  for (const auto& [kind, times] : unknown_) {
    unknown += times;
    kinds.append(kinds.empty() ? "" : ", ").append(std::to_string(times)).append(" ");
    kinds += kind == field::track_event ? "events without a known type" : name_of_packet(kind);
  }
  if (unknown > 0)
    add("left out " + counted(unknown, "packet", "packets") + " that the trace tools do not " +
        "understand (" + kinds + ")");
  if (damaged_ > 0)
    add("left out " + counted(damaged_, "damaged packet", "damaged packets") +
        ", the first at byte " + std::to_string(*damaged_at_));
  if (compressed_damaged > 0)
    add("left out " + counted(compressed_damaged, "packet", "packets") +
        " whose compressed packets are damaged");
  if (no_time_ > 0)
    add("left out " + counted(no_time_, "event", "events") +
        " whose time is missing or of a clock that no snapshot knows");
  if (no_state_ > 0)
    add("left out " + counted(no_state_, "event", "events") +
        " that refer to packets which are not in the file");
  if (of_too_many_ > 0)
    add("left out " + counted(of_too_many_, "packet", "packets") + " of more than " +
        std::to_string(most_sequences) + " writers");
  if (dropped_ > 0)
    add("the file says " + counted(dropped_, "time", "times") +
        " that packets were lost before it " + "was written");
  if (unknown_words_ > 0)
    add(counted(unknown_words_, "name", "names") + " that the file does not have");
  if (!broken.empty()) add(broken);
  return text;
}

}  // namespace limelight::profiling
