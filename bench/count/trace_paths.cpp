#include <limelight/span.hpp>
#include <memory>

#include "bench/count/paths.hpp"
#include "profiling/trace/trace_deflate.hpp"
#include "profiling/trace/trace_text.hpp"

namespace limelight::bench {

namespace prof = limelight::profiling;

namespace {

constexpr std::uint64_t steps = 20, layers = 28, spans_of_layer = 8,
                        events = steps * (layers * spans_of_layer + 1);
constexpr int thread_id = 4711;
constexpr std::size_t piece = 64 << 10;  // of text, that a session compresses at once

// What a decoder records in some steps, with times and shapes that vary as those of work do.
struct Recorded {
  std::vector<prof::Record> records;
  std::vector<std::int64_t> begins;
  std::vector<std::uint64_t> durations;

  Recorded() {
    using prof::ValueKind;
    const auto name = [](const char* text, ValueKind kind) {
      return prof::intern(text, prof::Category::cpu_op, kind);
    };
    const prof::NameId step =
        prof::intern("counted step", prof::Category::user_annotation, ValueKind::step);
    const prof::NameId linear = name("linear", ValueKind::matmul),
                       norm = name("rms_norm", ValueKind::dims),
                       rope = name("rope", ValueKind::dims),
                       attention = name("attention", ValueKind::dims),
                       add = name("add", ValueKind::dims);
    for (std::uint64_t n = 0; n < steps; ++n) {
      const std::uint64_t whole = now_;
      const auto request = static_cast<std::uint32_t>(1 + n % 3);
      for (std::uint64_t layer = 0; layer < layers; ++layer) {
        one(norm, prof::pack_dims(1, 640), request);
        one(linear, prof::pack_dims(1, 640, 640), request);
        one(linear, prof::pack_dims(1, 128, 640), request);
        one(rope, prof::pack_dims(1, 20, 32), request);
        one(attention, prof::pack_dims(1, 20, n + 1), request);
        one(linear, prof::pack_dims(1, 640, 640), request);
        one(linear, prof::pack_dims(1, 1920, 640), request);
        one(add, prof::pack_dims(640), request);
      }
      put(step, n, 0, request, whole, now_ - whole);
    }
  }

 private:
  void one(prof::NameId name, std::uint64_t value, std::uint32_t request) {
    noise_ = noise_ * 6364136223846793005u + 1442695040888963407u;
    const std::uint64_t duration = 800 + (noise_ >> 52);
    put(name, value, 1, request, now_, duration);
    now_ += duration + 100 + (noise_ >> 40 & 0xff);
  }
  void put(prof::NameId name,
           std::uint64_t value,
           std::uint32_t depth,
           std::uint32_t request,
           std::uint64_t begin,
           std::uint64_t duration) {
    records.push_back({begin, begin + duration, value, name, depth, request});
    begins.push_back(static_cast<std::int64_t>(begin));
    durations.push_back(duration);
  }
  std::uint64_t now_ = 5'000'000'000'000'123, noise_ = 1;
};

template <class Take>
std::uint64_t write_events(const Recorded& recorded, prof::TraceText& text, Take take) {
  std::uint64_t bytes = 0;
  const auto take_away = [&] {
    bytes += text.size();
    take(text.view());
    text.clear();
  };
  for (std::size_t i = 0; i < recorded.records.size(); ++i) {
    text.event(recorded.records[i], recorded.begins[i], recorded.durations[i], thread_id, 0);
    if (text.size() >= piece) take_away();
  }
  take_away();
  return bytes;
}

}  // namespace

std::vector<CountedPath> trace_paths() {
  for (std::uint32_t request = 1; request <= 3; ++request)
    prof::name_request(request, "request-" + std::to_string(request));
  const auto recorded = std::make_shared<Recorded>();
  std::vector<CountedPath> paths;
  for (const char* format : {"json.gz", "pftrace"}) {
    const auto options = std::make_shared<prof::SessionOptions>();
    options->stage_name = "counted";
    options->pid = 4242;
    options->profile.format = format;
    const auto text = std::make_shared<std::unique_ptr<prof::TraceText>>();
    paths.push_back({std::string(format) == "pftrace" ? "trace.pftrace_event" : "trace.event",
                     "event", events,
                     [=] {
                       *text = prof::make_trace_text(*options);
                       (*text)->begin("tsc");
                       (*text)->clear();
                     },
                     [=] { return write_events(*recorded, **text, [](std::string_view) {}); }});
  }
  const auto pieces = std::make_shared<std::vector<std::string>>();
  prof::SessionOptions options;
  options.stage_name = "counted";
  options.pid = 4242;
  const auto text = prof::make_trace_text(options);
  text->begin("tsc");
  text->clear();
  write_events(*recorded, *text, [&](std::string_view some) { pieces->emplace_back(some); });
  const auto deflate = std::make_shared<std::unique_ptr<prof::TraceDeflate>>();
  paths.push_back({"trace.compress", "event", events,
                   [=] { *deflate = std::make_unique<prof::TraceDeflate>(); },
                   [=] {
                     for (const std::string& some : *pieces) (*deflate)->add(some);
                     return std::uint64_t{(*deflate)->finish().size()};
                   }});
  return paths;
}

}  // namespace limelight::bench
