#include "bench/load/result_file.hpp"

#include <ctime>
#include <iostream>
#include <nlohmann/json.hpp>

#include "base/try.hpp"
#include "profiling/analysis/output_file.hpp"

namespace limelight::bench {

using nlohmann::ordered_json;

namespace {

std::string value_of(const LoadResult& result, const std::string& name) {
  for (const auto& [key, value] : result.about)
    if (key == name) return value;
  return "";
}

std::string usual_name(const LoadResult& result) {
  std::string name = value_of(result, "backend") + "-" + value_of(result, "request_rate") + "qps-" +
                     value_of(result, "model_id");
  for (char& c : name)
    if (c == '/' || c == ' ' || static_cast<unsigned char>(c) < 32) c = '-';
  return name + "-" + time_in_name() + ".json";
}

}  // namespace

std::string time_in_name() {
  const std::time_t now = std::time(nullptr);
  std::tm local{};
  localtime_r(&now, &local);
  char text[32];
  std::strftime(text, sizeof text, "%Y%m%d-%H%M%S", &local);
  return text;
}

Result<void> check(const OutputOptions& options) {
  LIMELIGHT_TRY(check(options.report));
  const std::filesystem::path path = options.result_dir / options.result_filename;
  std::error_code ignored;
  if (options.save_result && !options.result_filename.empty() &&
      std::filesystem::exists(std::filesystem::symlink_status(path, ignored)))
    return Error{ErrorCode::invalid_argument,
                 path.string() + ": is there already; say another --result-filename"};
  return {};
}

Result<void> put_out(const std::vector<LoadResult>& runs,
                     const ordered_json& more,
                     const OutputOptions& options) {
  const LoadResult result = joined(runs);
  ordered_json all = load_json(result, options.report);
  all["runs"] = ordered_json::array();
  for (const LoadResult& run : runs) all["runs"].push_back(run_json(run, options.report));
  if (!more.is_null()) all.update(more);
  if (options.json)
    std::cout << all.dump(2, ' ', false, ordered_json::error_handler_t::replace) << "\n";
  else if (options.csv) std::cout << load_csv(result, options.report);
  else std::cout << load_table(result, options.report);
  if (!options.save_result) return {};
  std::error_code failed;
  if (!options.result_dir.empty()) std::filesystem::create_directories(options.result_dir, failed);
  if (failed)
    return Error{ErrorCode::io,
                 options.result_dir.string() + ": cannot make the folder: " + failed.message()};
  const std::filesystem::path path =
      options.result_dir /
      (options.result_filename.empty() ? usual_name(result) : options.result_filename);
  const auto written = profiling::write_whole(
      path, all.dump(-1, ' ', false, ordered_json::error_handler_t::replace) + "\n");
  if (written) std::cerr << "result: " << path.string() << "\n";
  return written;
}

}  // namespace limelight::bench
