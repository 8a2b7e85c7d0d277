// Writes the same records in each of the formats that a trace may have, so that readers of one can
// be compared with those of another. The records are random, and nest as those of threads do: what
// is inside ends first, and may begin or end together with what is around it. (Both at once JSON
// cannot tell apart.)
#pragma once

#include <algorithm>
#include <fstream>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "profiling/trace/trace_text.hpp"

namespace limelight::tests {

namespace prof = limelight::profiling;
using prof::DeviceActivity;
using prof::ValueKind;

inline const std::vector<prof::NameInfo> names_of_both{
    {.name = "plain"},
    {.name = "product \"quoted\"", .value_kind = ValueKind::matmul},
    {.name = "shape", .value_kind = ValueKind::dims},
    {.name = "copy", .value_kind = ValueKind::bytes},
    {.name = "count", .value_kind = ValueKind::number},
    {.name = "hand over", .value_kind = ValueKind::chunk},
    {.name = "decode", .category = prof::Category::user_annotation, .value_kind = ValueKind::step},
    {.name = "turn", .category = prof::Category::user_annotation, .value_kind = ValueKind::turn},
    {.name = "launch", .correlated = true},
    {.name = "memory.host", .value_kind = ValueKind::counter},
    {.name = "pool.used_chunks", .value_kind = ValueKind::counter}};
inline constexpr prof::NameId spans_of_both = 9, counters_of_both = 2;

// The same records in one of the formats.
class Both {
 public:
  explicit Both(const std::string& format) {
    options_.profile.format = format;
    options_.profile.with_flops = true;
    options_.devices.resize(1);
    options_.devices[0].name = "Simulated GPU";
    options_.devices[0].sm_count = 132;
    options_.devices[0].max_threads_per_sm = 2048;
    text_ = prof::make_trace_text(
        options_, {[](prof::NameId id) { return names_of_both.at(id); },
                   [](std::uint32_t request) { return "request " + std::to_string(request); }});
    text_->begin("tsc");
  }
  void run(std::uint64_t seed) {
    random_.seed(seed);
    std::int64_t now = 1'000'000;
    for (int step = 0; step < 200; ++step)
      for (const int thread : {301, 302}) now = span(thread, 0, now) + below(3000);
    launches(now);
  }
  void write(const std::string& file) {
    RankTrace report{.rank = 3, .stage_id = 2};
    report.events = slices_;
    text_->end(report, {{301, "worker"}, {302, "other"}}, "same");
    std::ofstream(file, std::ios::binary) << text_->view();
  }

 private:
  std::int64_t below(std::int64_t limit) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(limit));
  }
  // Writes a span that begins then, after what is in it; returns its end.
  std::int64_t span(int thread, std::uint32_t depth, std::int64_t begin) {
    const auto name = static_cast<prof::NameId>(below(spans_of_both));
    std::uint64_t value = random_();
    if (names_of_both[name].value_kind == ValueKind::bytes) value %= 1u << 30;
    if (names_of_both[name].value_kind == ValueKind::number) value %= 1000;
    if (names_of_both[name].value_kind == ValueKind::matmul)
      value = prof::pack_dims(1 + value % 100, 1 + value / 100 % 1000, 1 + value / 100'000 % 1000);
    if (names_of_both[name].value_kind == ValueKind::step) value = ++steps_;
    const auto request = static_cast<std::uint32_t>(below(3));
    const std::int64_t inside = depth < 4 ? below(4) : 0;
    const std::int64_t gap = below(2) == 0 ? 0 : 1 + below(500);
    std::int64_t now = begin + gap;
    for (std::int64_t i = 0; i < inside; ++i) {
      now = span(thread, depth + 1, now);
      if (below(2) == 0) now += 1 + below(100);
    }
    const bool may_end_together = inside > 1 || (inside == 1 && gap > 0);
    const std::int64_t end = now + (may_end_together && below(2) == 0 ? 0 : 1 + below(900));
    if (below(5) == 0) {
      const auto counter = static_cast<prof::NameId>(spans_of_both + below(counters_of_both));
      text_->event({0, 0, random_() % 1'000'000, counter, 0, 0}, now, 0, thread, 0);
    }
    ++slices_;
    text_->event({0, 0, value, name, depth, request}, begin,
                 static_cast<std::uint64_t>(end - begin), thread,
                 names_of_both[name].correlated ? 1 + random_() % 1000 : 0);
    return end;
  }
  // Calls of the host, and kernels and copies on two streams, reported in no order.
  void launches(std::int64_t now) {
    std::vector<DeviceActivity> all;
    std::int64_t free_at[2] = {now, now};
    for (std::uint32_t id = 1; id <= 300; ++id) {
      DeviceActivity call;
      call.kind = DeviceActivity::Kind::runtime;
      call.name = "cudaLaunchKernel";
      call.begin_ns = now;
      call.end_ns = now + 10 + below(50);
      call.thread = 301;
      call.correlation = id;
      call.callback_id = 211;
      now = call.end_ns + 1 + below(50);
      all.push_back(call);
      if (below(8) == 0) continue;  // it launches nothing
      DeviceActivity work;
      const bool kernel = below(3) != 0;
      const auto stream = static_cast<std::size_t>(below(2));
      work.kind = kernel ? DeviceActivity::Kind::kernel : DeviceActivity::Kind::memcpy;
      work.name = kernel ? "a_kernel<float>" : "Memcpy HtoD (Pinned -> Device)";
      work.begin_ns = std::max(free_at[stream], call.end_ns) + 1 + below(40);
      work.end_ns = free_at[stream] = work.begin_ns + 1 + below(90);
      work.stream = static_cast<std::int32_t>(7 + stream);
      work.correlation = id;
      work.external = id;
      work.bytes = kernel ? 0 : 4096;
      work.grid = {4, 2, 1};
      work.block = {128, 1, 1};
      all.push_back(work);
    }
    std::shuffle(all.begin(), all.end(), random_);
    for (const DeviceActivity& one : all) text_->device(one);
    slices_ += all.size();
  }

  prof::SessionOptions options_{.directory = {},
                                .timestamp = "17",
                                .rank = 3,
                                .world_size = 4,
                                .stage_id = 2,
                                .stage_name = "code2wav",
                                .base_ns = 1'774'000'000'000'000'000,
                                .pid = 300};
  std::unique_ptr<prof::TraceText> text_;
  std::mt19937_64 random_;
  std::uint64_t steps_ = 0, slices_ = 0;
};

}  // namespace limelight::tests
