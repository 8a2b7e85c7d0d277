// What is done with the result of a load: printed as a table, as JSON or as CSV, and kept in a file
// if that is asked for, under the flags and with the name that vLLM's benchmarks give it.
#pragma once

#include <filesystem>
#include <limelight/result.hpp>
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "bench/load/load_result.hpp"

namespace limelight::bench {

struct OutputOptions {
  bool json = false, csv = false;
  bool save_result = false;
  std::filesystem::path result_dir = {};  // empty: the working directory
  std::string result_filename = {};       // empty: BACKEND-RATEqps-MODEL-TIME.json
  LoadReport report = {};
};

// Whether a result could be put out so, before hours are spent on it. Errors: of check(LoadReport);
// invalid_argument (the file exists).
Result<void> check(const OutputOptions& options);
// Prints the result of all runs together and keeps it, with what each run came to in "runs". `more`
// is added to the JSON object. Errors: io, or
// invalid_argument (the file exists).
Result<void> put_out(const std::vector<LoadResult>& runs,
                     const nlohmann::ordered_json& more,
                     const OutputOptions& options);
// "20261127-131500", of the local time.
std::string time_in_name();

}  // namespace limelight::bench
