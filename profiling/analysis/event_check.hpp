// Looks at the keys of each event as other programs do, and says what they refuse or lose.
#pragma once

#include <string_view>

#include "profiling/analysis/any_event.hpp"
#include "profiling/analysis/reader_findings.hpp"

namespace limelight::profiling {

// text: an event as it is in the file. own: a trace of ours, which must be read by all programs.
// Returns the event, or nothing if no program can use it.
std::optional<AnyEvent> check_event(std::string_view text,
                                    std::size_t line,
                                    bool own,
                                    AnyEventReader& reader,
                                    ReaderFindings& findings);

}  // namespace limelight::profiling
