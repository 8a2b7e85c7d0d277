// Traces of two ranks that hand chunks to each other, and the command that works on them.
#pragma once

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <limelight/span.hpp>
#include <string>

#include "profiling/capture/session.hpp"
#include "profiling/record/clock.hpp"
#include "tests/support.hpp"

namespace limelight::tests {

// Written by two processes.
struct TwoTraces {
  Folder own;
  std::filesystem::path folder = own.path;
  std::filesystem::path files[2];
  std::string all;  // both, each with a space before it
  TwoTraces() {
    for (const int rank : {0, 1})
      BOOST_REQUIRE(exit_code(in_process([&] { return write(rank) ? 0 : 1; })) == 0);
    for (const auto& entry : std::filesystem::directory_iterator(folder))
      files[entry.path().string().find("-rank-1.") != std::string::npos] = entry.path();
    for (const auto& file : files) all += " " + file.string();
  }

 private:
  bool write(int rank) const {
    static const auto name = profiling::intern("<script>alert(1)</script>"),
                      step = profiling::intern("a step", profiling::Category::user_annotation,
                                               profiling::ValueKind::step),
                      hand = profiling::intern(rank == 0 ? "ipc.publish" : "ipc.take",
                                               profiling::Category::cpu_op,
                                               profiling::ValueKind::chunk);
    auto session = profiling::Session::start({.directory = folder,
                                              .timestamp = "1700000000000",
                                              .rank = rank,
                                              .world_size = 2,
                                              .stage_id = rank,
                                              .stage_name = "test",
                                              .base_ns = profiling::default_base_ns()});
    profiling::name_request(1, "the <b>first</b>");
    const profiling::RequestScope request(1);
    for (std::uint64_t i = 0; i < 20; ++i) {
      const profiling::Span whole(step, i);
      { const profiling::Span work(name); }
      const profiling::Span span(hand, profiling::pack_chunk(5, i, 4096));
      usleep(500);
    }
    return session.ok() && (*session)->stop().ok();
  }
};

inline Ran trace_command(const std::string& arguments) {
  return run(LIMELIGHT_COMMAND " trace " + arguments);
}

}  // namespace limelight::tests
