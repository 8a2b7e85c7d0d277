// Traces to look at: what a session is started with, and what it records.
#pragma once

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <limelight/span.hpp>
#include <string>
#include <thread>

#include "profiling/capture/session.hpp"
#include "profiling/record/clock.hpp"

namespace limelight::tests {

inline profiling::SessionOptions options(const std::filesystem::path& folder) {
  return {.directory = folder,
          .timestamp = "1700000000000",
          .rank = 3,
          .world_size = 4,
          .stage_id = 2,
          .stage_name = "code2wav",
          .base_ns = profiling::default_base_ns()};
}
inline profiling::SessionOptions options_of_rank(const std::filesystem::path& folder, int rank) {
  return {.directory = folder,
          .timestamp = "1700000000000",
          .rank = rank,
          .world_size = 2,
          .stage_name = "test",
          .base_ns = profiling::default_base_ns(),
          .profile = {.prefix = "some-run"}};
}
inline const profiling::NameId outer =
    profiling::intern("outer \"quoted\"", profiling::Category::user_annotation);
inline const profiling::NameId inner =
    profiling::intern("matmul", profiling::Category::cpu_op, profiling::ValueKind::matmul);

// The trace of a session in which one span ran.
inline std::filesystem::path written(const profiling::SessionOptions& how) {
  static const auto name = profiling::intern("work");
  auto session = profiling::Session::start(how);
  BOOST_REQUIRE(session.ok());
  { const profiling::Span span(name); }
  const auto report = (*session)->stop();
  BOOST_REQUIRE(report.ok());
  return report->file;
}

}  // namespace limelight::tests
