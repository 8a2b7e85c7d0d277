#include "actors/http/profile_report.hpp"

#include <fstream>
#include <iterator>
#include <limelight/trace.hpp>

#include "actors/http/profile_files.hpp"
#include "base/scratch.hpp"

namespace limelight::http {

namespace fs = std::filesystem;

namespace {

// What the names of the traces of one session have in common.
std::string_view session_of(std::string_view name) { return name.substr(0, name.find("-rank-")); }

bool is_read(std::string_view name) { return name.find(".pt.trace.") != std::string_view::npos; }

}  // namespace

Result<std::string> profile_report(const fs::path& folder, std::string_view name) {
  profiling::TraceFiles files;
  bool there = false;
  for (const ProfileFile& file : list_profiles(folder)) {
    there = there || file.name == name;
    if (is_read(file.name) && session_of(file.name) == session_of(name))
      files.push_back(folder / file.name);
  }
  if (!there)
    return Error{ErrorCode::not_found,
                 "found no finished trace of that name; GET /profiles lists those that are there"};
  if (!is_read(name))
    return Error{ErrorCode::invalid_argument,
                 "found a file that is no trace, expected one: a report is made of these"};
  const auto scratch = Scratch::make("report");
  if (!scratch) return scratch.error();
  const fs::path page = scratch->path / "report.html";
  if (const auto written = profiling::write_report(page, files); !written) return written.error();
  std::ifstream in(page, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in) return Error{ErrorCode::io, page.string() + ": cannot read the report"};
  return text;
}

}  // namespace limelight::http
