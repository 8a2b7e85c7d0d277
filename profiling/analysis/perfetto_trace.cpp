#include "profiling/analysis/perfetto_trace.hpp"

#include <sys/stat.h>

#include <cstring>
#include <mutex>
#include <tuple>

#include "base/try.hpp"
#include "profiling/analysis/packet_reader.hpp"
#include "profiling/analysis/perfetto_intake.hpp"

namespace limelight::profiling {

namespace {

struct EventHead {
  char kind;
  PerfettoTracks::Track track;
  std::int64_t number;
  std::uint32_t head_bytes;
};

// A tool reads a file several times. While somebody has it, it is not read anew.
using Identity = std::tuple<dev_t, ino_t, off_t, time_t, long>;
class Known {
 public:
  std::shared_ptr<const PerfettoTrace> find(const Identity& identity) {
    const std::lock_guard lock(mutex_);
    const auto at = traces_.find(identity);
    return at == traces_.end() ? nullptr : at->second.lock();
  }
  void add(const Identity& identity, const std::shared_ptr<const PerfettoTrace>& trace) {
    const std::lock_guard lock(mutex_);
    std::erase_if(traces_, [](const auto& one) { return one.second.expired(); });
    traces_[identity] = trace;
  }

 private:
  std::mutex mutex_;
  std::map<Identity, std::weak_ptr<const PerfettoTrace>> traces_;
};
Known& known_traces() {
  static Known known;
  return known;
}

}  // namespace

void PerfettoTrace::Event::write_to(std::string& text) const {
  const EventHead fixed{kind, track, number, static_cast<std::uint32_t>(head.size())};
  char bytes[sizeof fixed] = {};
  std::memcpy(bytes, &fixed, sizeof fixed);
  text.append(bytes, sizeof bytes).append(head).append(args);
}

PerfettoTrace::Event PerfettoTrace::Event::read_from(std::string_view text) {
  EventHead fixed{};
  std::memcpy(&fixed, text.data(), sizeof fixed);
  text.remove_prefix(sizeof fixed);
  return {.kind = fixed.kind,
          .track = fixed.track,
          .number = fixed.number,
          .head = text.substr(0, fixed.head_bytes),
          .args = text.substr(fixed.head_bytes)};
}

Result<std::shared_ptr<const PerfettoTrace>> PerfettoTrace::read(const std::filesystem::path& file,
                                                                 CompressedReader input) {
  struct stat status {};
  const bool regular = ::stat(file.c_str(), &status) == 0 && S_ISREG(status.st_mode);
  const Identity identity{status.st_dev, status.st_ino, status.st_size, status.st_mtim.tv_sec,
                          status.st_mtim.tv_nsec};
  if (regular)
    if (auto known = known_traces().find(identity)) return known;
  auto trace = std::make_shared<PerfettoTrace>();
  PacketReader packets(std::move(input));
  PerfettoIntake intake(*trace);
  const auto fail = [&file](const Error& error) {
    return Error{error.code, file.string() + ": " + error.message};
  };
  while (const auto packet = packets.next())
    if (const auto taken = intake.packet(*packet, packets.offset()); !taken)
      return fail(taken.error());
  if (intake.packets() == 0 && !packets.broken().empty())
    return fail(
        {ErrorCode::corrupt, "found no whole packet of Perfetto's format: " + packets.broken()});
  if (const auto done = intake.finish(packets.broken(), packets.compressed_damaged()); !done)
    return fail(done.error());
  std::shared_ptr<const PerfettoTrace> made = std::move(trace);
  if (regular) known_traces().add(identity, made);
  return made;
}

}  // namespace limelight::profiling
