#include "profiling/analysis/common_clock.hpp"

#include <algorithm>
#include <optional>

#include "profiling/analysis/trace_reader.hpp"

namespace limelight::profiling {

namespace {

constexpr std::int64_t century_ns = 978'307'200'000'000'000;  // 2001-01-01
// Kineto's grid of bases, so that times are small enough for doubles to keep their nanoseconds.
constexpr std::int64_t grid_ns = 7'889'238'000'000'000;

struct Begin {
  std::optional<std::int64_t> base_ns;
  std::int64_t first_ns = 0;  // of some event near the file's beginning
};

Result<Begin> begin_of(const std::filesystem::path& file) {
  auto reader = TraceReader::open(file);
  if (!reader) return reader.error();
  Begin begin{.base_ns = reader->origin().base_ns};
  if (begin.base_ns) return begin;
  for (;;) {
    const auto event = reader->next();
    if (!event) return event.error();
    if (!*event) return begin;
    if ((*event)->phase == 'M' || (*event)->begin_ns == 0) continue;
    begin.first_ns = (*event)->begin_ns;
    if (begin.first_ns >= century_ns) begin.base_ns = 0;
    return begin;
  }
}

}  // namespace

Result<CommonClock> common_clock(const std::vector<std::filesystem::path>& files) {
  std::vector<Begin> begins;
  const std::filesystem::path *known = nullptr, *unknown = nullptr;
  for (const auto& file : files) {
    auto begin = begin_of(file);
    if (!begin) return begin.error();
    (begin->base_ns ? known : unknown) = &file;
    begins.push_back(std::move(begin).value());
  }
  CommonClock clock;
  if (known != nullptr && unknown != nullptr)
    return Error{ErrorCode::invalid_argument,
                 unknown->string() + ": found no baseTimeNanoseconds and no times since 1970, so " +
                     "its clock is unknown; expected one, as " + known->string() + " has it"};
  if (known == nullptr) {
    clock.shifts_ns.assign(files.size(), 0);
    if (files.size() > 1)
      clock.note = "the files do not say when their times begin; they are shown as they are";
    return clock;
  }
  clock.base_ns = INT64_MAX;
  for (const Begin& begin : begins)
    clock.base_ns = std::min(
        clock.base_ns, *begin.base_ns != 0 ? *begin.base_ns : begin.first_ns / grid_ns * grid_ns);
  for (const Begin& begin : begins) {
    std::int64_t shift = 0;
    if (__builtin_sub_overflow(*begin.base_ns, clock.base_ns, &shift)) shift = 0;
    clock.shifts_ns.push_back(shift);
  }
  return clock;
}

}  // namespace limelight::profiling
