#include "bench/count/count_command.hpp"

#include <cstdio>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>
#include <sstream>

#include "base/helper.hpp"
#include "base/scratch.hpp"
#include "base/subprocess.hpp"
#include "base/try.hpp"
#include "bench/count/count_file.hpp"

namespace limelight::bench {

using namespace std::chrono_literals;
using nlohmann::ordered_json;

namespace {

constexpr int skipped_code = 77;

// What glibc chooses by the processor and its caches: those that every machine with AVX2 has in
// valgrind, and thresholds that do not depend on the sizes of caches.
constexpr const char* same_libc =
    "GLIBC_TUNABLES=glibc.cpu.hwcaps=-ERMS,-FSRM,-AVX512F,-AVX512VL:"
    "glibc.cpu.x86_rep_movsb_threshold=1048576:glibc.cpu.x86_rep_stosb_threshold=1048576:"
    "glibc.cpu.x86_non_temporal_threshold=4194304";

std::string version_of_valgrind() {
  const auto asked = run_program("valgrind", {"--version"}, 20s);
  if (!asked || !asked->good) return "";
  return asked->output.substr(0, asked->output.find('\n'));
}

bool has_avx2() {
#if defined(__x86_64__)
  return __builtin_cpu_supports("avx2") != 0;
#else
  return false;
#endif
}

Result<ordered_json> run_count(const std::vector<std::string>& command) {
  std::vector<std::string> arguments{same_libc, "LD_BIND_NOW=1", "LC_ALL=C"};
  arguments.insert(arguments.end(), command.begin(), command.end());
  const auto ended = run_program("env", std::move(arguments), 300s);
  if (!ended) return ended.error();
  if (!ended->good)
    return Error{ErrorCode::internal,
                 "limelight-count " + ended->cause + "; it said: " + ended->output};
  ordered_json counted = ordered_json::parse(ended->answer, nullptr, false);
  if (!counted.is_object())
    return Error{ErrorCode::internal, "limelight-count gave no answer: " + ended->output};
  return counted;
}

// The number behind "totals: " in a file of callgrind.
std::optional<double> total_of(const std::filesystem::path& file) {
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("totals: ")) return std::stod(line.substr(8));
  return {};
}

// In the order of the paths. Callgrind's files are <name>.<number of the dump>-<thread>.
Result<std::vector<double>> instructions(const std::string& program, std::size_t paths) {
  const auto scratch = Scratch::make("bench");
  if (!scratch) return scratch.error();
  const std::string out = scratch->path / "out";
  LIMELIGHT_TRY(run_count({"valgrind", "--tool=callgrind", "--separate-threads=yes",
                           "--zero-before=limelight_counted", "--dump-after=limelight_counted",
                           "--callgrind-out-file=" + out, program, "--instructions"}));
  std::vector<double> all;
  for (std::size_t i = 0; i < paths; ++i) {
    const auto total = total_of(out + "." + std::to_string(i + 1) + "-01");
    if (!total)
      return Error{ErrorCode::internal, "callgrind has not written the counts of path " +
                                            std::to_string(i + 1) + " of " + std::to_string(paths)};
    all.push_back(*total);
  }
  return all;
}

Result<Counts> count_all(const std::string& program, const std::string& valgrind) {
  const auto counted = run_count({program});
  if (!counted) return counted.error();
  const ordered_json& rows = (*counted)["paths"];
  Counts counts;
  for (const char* key : {"compiler", "build", "libc", "clock"})
    counts.holds_for.emplace_back(key, (*counted)[key].get<std::string>());
  counts.holds_for.emplace_back("valgrind", valgrind);
  std::vector<double> all;
  if (!valgrind.empty()) {
    auto found = instructions(program, rows.size());
    if (!found) return found.error();
    all = std::move(*found);
  }
  for (std::size_t i = 0; i < rows.size(); ++i) {
    const ordered_json& row = rows[i];
    const double units = row["units"].get<double>();
    const auto each = [&](const char* key) -> std::optional<double> {
      if (!row[key].is_number()) return {};
      return row[key].get<double>() / units;
    };
    PathCounts path{.name = row["name"].get<std::string>(), .unit = row["unit"].get<std::string>()};
    if (i < all.size()) path.instructions = all[i] / units;
    path.allocations = each("allocations");
    path.system_calls = each("system_calls");
    path.bytes = each("bytes");
    counts.paths.push_back(std::move(path));
  }
  return counts;
}

std::string table_of(const Counts& counts) {
  char line[160];
  std::snprintf(line, sizeof line, "%-24s %-8s %14s %12s %13s %10s\n", "path", "unit",
                "instructions", "allocations", "system calls", "bytes");
  std::string text = line;
  const auto number = [](const std::optional<double>& value) {
    char digits[32] = "-";
    if (value) std::snprintf(digits, sizeof digits, "%.2f", *value);
    return std::string(digits);
  };
  for (const PathCounts& path : counts.paths) {
    std::snprintf(line, sizeof line, "%-24s %-8s %14s %12s %13s %10s\n", path.name.c_str(),
                  path.unit.c_str(), number(path.instructions).c_str(),
                  number(path.allocations).c_str(), number(path.system_calls).c_str(),
                  number(path.bytes).c_str());
    text += line;
  }
  return text;
}

int fail(const Error& error) {
  std::cerr << "limelight bench count: " << error.message << "\n";
  return 1;
}
int skip(const std::string& why) {
  std::cout << "skipped: " << why << "\n";
  return skipped_code;
}

Result<Counts> read_last(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::stringstream text;
  if (!(text << in.rdbuf()))
    return Error{ErrorCode::not_found, file.string() + ": expected the last values of a count"};
  auto counts = read_counts(text.str());
  if (!counts) return Error{counts.error().code, file.string() + ": " + counts.error().message};
  return counts;
}

int print_verdict(const CountVerdict& verdict) {
  if (!verdict.skipped.empty()) return skip(verdict.skipped);
  for (const std::string& one : verdict.unknown) std::cout << "note: " << one << "\n";
  for (const std::string& one : verdict.gains)
    std::cout << "less: " << one << " (--write keeps what was gained)\n";
  for (const std::string& one : verdict.regressions) std::cout << "more: " << one << "\n";
  if (verdict.regressions.empty()) {
    std::cout << "count: no hot path has grown by more than " << most_growth_percent << " %\n";
    return 0;
  }
  std::cout << "count: FAILED:";
  for (const std::string& name : verdict.paths) std::cout << " " << name;
  std::cout << " (where it is meant: limelight bench count --write FILE)\n";
  return 1;
}

}  // namespace

int bench_count(const CountOptions& options) {
  std::optional<Counts> last;
  if (!options.check.empty()) {
    auto read = read_last(options.check);
    if (!read) {
      std::cerr << "limelight bench count: " << read.error().message << "\n";
      return 2;
    }
    last = std::move(*read);
  }
  const auto program = find_helper("limelight-count");
  if (!program) return fail(program.error());
  const std::string valgrind = version_of_valgrind();
  if (last || !options.write.empty()) {
    if (valgrind.empty()) return skip("valgrind is missing, which counts the instructions");
    if (!has_avx2()) return skip("this processor has no AVX2, for which the last values are");
  }
  const auto counts = count_all(*program, valgrind);
  if (!counts) return fail(counts.error());
  std::cout << (options.json ? write_counts(*counts) : table_of(*counts));
  if (!options.write.empty()) {
    std::ofstream out(options.write);
    out << write_counts(*counts);
    if (!out.flush()) return fail({ErrorCode::io, options.write.string() + ": cannot be written"});
  }
  return last ? print_verdict(compare_counts(*last, *counts)) : 0;
}

}  // namespace limelight::bench
