#include "profiling/trace/trace_text.hpp"

#include "profiling/record/registry.hpp"
#include "profiling/trace/perfetto_writer.hpp"
#include "profiling/trace/trace_writer.hpp"

namespace limelight::profiling {

Words own_words() {
  return {[](NameId id) { return name_info(id); },
          [](std::uint32_t request) { return detail::request_names().find(request); }};
}

std::unique_ptr<TraceText> make_trace_text(const SessionOptions& options, Words words) {
  if (options.profile.format == perfetto_format)
    return std::make_unique<PerfettoWriter>(options, std::move(words));
  return std::make_unique<TraceWriter>(options, std::move(words));
}

}  // namespace limelight::profiling
