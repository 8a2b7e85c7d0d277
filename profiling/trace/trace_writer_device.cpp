// The part of TraceWriter that writes device activity.
#include "profiling/trace/device_words.hpp"
#include "profiling/trace/trace_writer.hpp"

namespace limelight::profiling {

const std::string& TraceWriter::escaped(std::string_view name) {
  const auto [at, fresh] = names_.try_emplace(name.data());
  if (fresh) at->second = json_string(name);
  return at->second;
}

void TraceWriter::field(const char* key, std::uint64_t value) {
  if (text_.back() != '{') text_ += ',';
  ((text_ += '"') += key) += "\":";
  number(value);
}

void TraceWriter::introduce(std::int64_t pid, std::int64_t tid, const DeviceActivity& a) {
  constexpr std::int64_t first_gpu_sort_index = 5'000'000;
  if (!tracks_.emplace(pid, tid).second) return;
  if (!is_host_call(a.kind) && pid >= 0 && tracks_.emplace(pid, -2).second) {
    text_ += ",\n";
    metadata("process_name", pid, 0,
             "\"name\":" + json_string(device_name(options_.rank, pid, options_.devices)));
    text_ += ",\n";
    metadata("process_labels", pid, 0, "\"labels\":\"GPU " + std::to_string(pid) + "\"");
    text_ += ",\n";
    metadata("process_sort_index", pid, 0,
             "\"sort_index\":" + std::to_string(first_gpu_sort_index + pid));
  }
  text_ += ",\n";
  metadata("thread_name", pid, tid, "\"name\":" + json_string(track_name(a)));
}

void TraceWriter::flow(const char* phase, std::uint32_t id, const Place& place) {
  ((text_ += ",\n{\"ph\":\"") += phase) += "\",\"cat\":\"ac2g\",\"name\":\"ac2g\",\"id\":";
  number(id);
  (text_ += ",\"pid\":") += std::to_string(place.pid);
  (text_ += ",\"tid\":") += std::to_string(place.tid);
  text_ += ",\"ts\":";
  microseconds(static_cast<std::uint64_t>(place.ns));
  text_ += *phase == 'f' ? ",\"bp\":\"e\"}" : "}";
}

void TraceWriter::device(const DeviceActivity& a) {
  const auto [pid, tid] = track_of(a, host_pid_);
  introduce(pid, tid, a);
  ((text_ += ",\n{\"ph\":\"X\",\"cat\":\"") += device_category(a.kind)) += "\",\"name\":";
  (text_ += escaped(a.name)) += ",\"pid\":";
  if (pid < 0) text_ += "-1";
  else number(static_cast<std::uint64_t>(pid));
  text_ += ",\"tid\":";
  number(static_cast<std::uint64_t>(tid));
  text_ += ",\"ts\":";
  microseconds(static_cast<std::uint64_t>(a.begin_ns));
  text_ += ",\"dur\":";
  microseconds(static_cast<std::uint64_t>(a.end_ns - a.begin_ns));
  text_ += ",\"args\":";
  append_device_args(a, options_.devices, text_);
  text_ += '}';
  const bool work = is_device_work(a.kind);
  if (a.correlation != 0 && (work || is_host_call(a.kind)))
    arrows_.add(a.correlation, {pid, tid, a.begin_ns}, !work,
                [&](const Place& from, const Place& to) {
                  flow("s", a.correlation, from);
                  flow("f", a.correlation, to);
                });
}

}  // namespace limelight::profiling
