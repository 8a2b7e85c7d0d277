// The program limelight-count, which `limelight bench count` starts twice: as it is, to count
// allocations, system calls and bytes, and under callgrind with `--instructions`, which writes the
// instructions of each call of limelight_counted() into a file of its own, in the order of the
// paths. It answers with a JSON object on the descriptor that base/subprocess.hpp names.
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>
#include <string>

#include "base/subprocess.hpp"
#include "base/try.hpp"
#include "bench/count/allocations.hpp"
#include "bench/count/paths.hpp"
#include "bench/count/traced_calls.hpp"
#include "profiling/record/clock.hpp"

using limelight::Result;
using nlohmann::ordered_json;
using namespace limelight::bench;

// Callgrind looks for this name.
extern "C" [[gnu::noipa]] std::uint64_t limelight_counted(const CountedPath& path) {
  const std::uint64_t bytes = path.work();
  asm volatile("" ::: "memory");
  return bytes;
}

namespace {

Result<std::vector<CountedPath>> all_paths() {
  auto paths = record_paths();
  const auto append = [&](std::vector<CountedPath> more) {
    for (CountedPath& path : more) paths.push_back(std::move(path));
  };
  append(trace_paths());
  auto hand_off = hand_off_paths();
  if (!hand_off) return hand_off.error();
  append(std::move(*hand_off));
  append(rank_paths());
  append(service_paths());
  return paths;
}

Result<ordered_json> count() {
  auto paths = all_paths();
  if (!paths) return paths.error();
  ordered_json rows = ordered_json::array();
  int part = 0;
  for (const CountedPath& path : *paths) {
    for (int i = 0; i < 2; ++i) {  // the first time finds caches and pools empty
      path.prepare();
      path.work();
    }
    path.prepare();
    begin_part(part++);
    const std::uint64_t before = allocations();
    const std::uint64_t bytes = limelight_counted(path);
    const std::uint64_t asked = allocations() - before;
    end_part();
    if (bytes == 0 && path.name != "record.span_off")
      return limelight::Error{limelight::ErrorCode::internal, path.name + ": its work has failed"};
    rows.push_back({{"name", path.name},
                    {"unit", path.unit},
                    {"units", path.units},
                    {"allocations", asked},
                    {"bytes", bytes}});
  }
  return ordered_json{{"compiler", COUNT_COMPILER},
                      {"build", COUNT_BUILD},
                      {"libc", std::string("glibc ") + gnu_get_libc_version()},
                      {"clock", limelight::profiling::clock_source()},
                      {"paths", std::move(rows)}};
}

int answer(const Result<ordered_json>& counted) {
  if (!counted) {
    std::fprintf(stderr, "limelight-count: %s\n", counted.error().message.c_str());
    return 1;
  }
  const std::string text = counted->dump();
  const bool asked = ::fcntl(limelight::answer_fd, F_GETFD) >= 0;
  const int to = asked ? limelight::answer_fd : STDOUT_FILENO;
  return ::write(to, text.data(), text.size()) == static_cast<ssize_t>(text.size()) ? 0 : 1;
}

std::string read_all(int from) {
  std::string text;
  char bytes[4096];
  for (ssize_t n; (n = ::read(from, bytes, sizeof bytes)) > 0;)
    text.append(bytes, static_cast<std::size_t>(n));
  return text;
}

Result<ordered_json> count_calls() {
  int ends[2];
  if (::pipe(ends) != 0) return limelight::Error{limelight::ErrorCode::io, "cannot make a pipe"};
  const auto calls = run_counted([&] {
    ::close(ends[0]);
    ::dup2(ends[1], limelight::answer_fd);
    return answer(count());
  });
  ::close(ends[1]);
  if (!calls) return calls.error();
  const auto text = read_all(ends[0]);
  ::close(ends[0]);
  if (calls->exit_code != 0)
    return limelight::Error{limelight::ErrorCode::internal,
                            "counting ended with " + std::to_string(calls->exit_code)};
  ordered_json counted = ordered_json::parse(text);
  for (std::size_t i = 0; i < counted["paths"].size(); ++i)
    counted["paths"][i]["system_calls"] =
        calls->counted && i < calls->parts.size() ? ordered_json(calls->parts[i]) : ordered_json();
  return counted;
}

}  // namespace

int main(int argc, char** argv) {
  const bool instructions = argc == 2 && std::strcmp(argv[1], "--instructions") == 0;
  if (argc > 1 && !instructions) {
    std::fprintf(stderr, "usage: limelight-count [--instructions]\n");
    return 2;
  }
  return answer(instructions ? count() : count_calls());
}
