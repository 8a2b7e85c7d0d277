// Checks what a trace of Limelight must have beside what other programs ask for: the order of the
// keys before its events, a rank that is found by line, and the keys in which it states its losses.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string_view>

#include "profiling/analysis/reader_findings.hpp"
#include "profiling/analysis/trace_origin.hpp"

namespace limelight::profiling {

// head: the first 64 KiB of the text. slices: how many there are.
void check_own(const TraceKeys& keys,
               std::string_view head,
               std::uint64_t slices,
               const std::filesystem::path& file,
               ReaderFindings& findings);

// The part of it that does not depend on the format: what the trace states, and its file's name.
void check_statement(const TraceKeys& keys,
                     std::uint64_t slices,
                     const std::filesystem::path& file,
                     ReaderFindings& findings);

}  // namespace limelight::profiling
