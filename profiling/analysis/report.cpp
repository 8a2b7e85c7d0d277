#include <array>
#include <fstream>
#include <limelight/trace.hpp>
#include <memory>

#include "base/try.hpp"
#include "profiling/analysis/output_file.hpp"
#include "profiling/analysis/report_data.hpp"

namespace limelight::profiling {

extern const char report_page[];  // page/report.html; @DATA@ and @SLICES@ are replaced

namespace {

bool is_report(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::array<char, 64 << 10> head{};
  in.read(head.data(), head.size());
  return std::string_view(head.data(), static_cast<std::size_t>(in.gcount()))
             .find("<title>Limelight report</title>") != std::string_view::npos;
}

struct Run {
  nlohmann::ordered_json json;
  std::string slices;
  Notes notes;
};

Result<Run> read_run(const TraceFiles& files, const std::string& session) {
  const auto set = choose_traces(files, session);
  if (!set) return set.error();
  const auto data = std::make_unique<ReportData>();
  LIMELIGHT_TRY(data->read(*set));
  Run run{data->json(), data->slices(), data->notes()};
  return run;
}

void replace(std::string& page, std::string_view mark, std::string_view by) {
  page.replace(page.find(mark), mark.size(), by);
}

}  // namespace

Result<Notes> write_report(const std::filesystem::path& out,
                           const TraceFiles& files,
                           const ReportOptions& options) {
  TraceFiles inputs = files;
  inputs.insert(inputs.end(), options.beside.begin(), options.beside.end());
  LIMELIGHT_TRY(may_write(out, inputs, options.force, is_report));
  auto run = read_run(files, options.session);
  if (!run) return run.error();
  std::string slices = "<script type=\"text/plain\" id=\"slices0\">" + run->slices + "</script>";
  if (!options.beside.empty()) {
    auto other = read_run(options.beside, options.beside_session);
    if (!other) return other.error();
    run->json["beside"] = std::move(other->json);
    slices.append("\n<script type=\"text/plain\" id=\"slices1\">")
        .append(other->slices)
        .append("</script>");
    for (const std::string& note : other->notes) run->notes.push_back("beside: " + note);
  }
  // The name of a request or operation must not be able to end the script.
  std::string data;
  for (const char c : run->json.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace))
    c == '<' ? void(data += "\\u003c") : data.push_back(c);
  std::string page = report_page;
  replace(page, "@DATA@", data);
  replace(page, "@SLICES@", slices);
  LIMELIGHT_TRY(write_whole(out, page));
  return run->notes;
}

}  // namespace limelight::profiling
