// What `limelight run` writes of each answer: text, sound, and a line of JSON. One thread uses it.
#pragma once

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limelight/profile.hpp>
#include <limelight/request.hpp>
#include <limelight/result.hpp>
#include <map>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>

namespace limelight::cli {

// Sound and text are written at once; the lines of JSON, which are short, wait for those of earlier
// requests.
class RunOutput {
 public:
  // folder: where <request>.txt, <request>.wav and outputs.jsonl go; empty: nowhere. keep_json: for
  // write_json(). Errors: io.
  static Result<RunOutput> create(const std::filesystem::path& folder, bool keep_json);
  // place: of the answer in the order of the requests, from 0. traceparent: a key of its line;
  // empty: none. Errors: io.
  Result<void> add(std::size_t place,
                   const RequestOutput& output,
                   const std::string& traceparent = {});
  // Writes the lines that still wait: where a run was given up, not every place has an answer.
  // Errors: io.
  Result<void> finish();
  // Writes the document of --json. Errors: io.
  Result<void> write_json(std::FILE* to, const nlohmann::json& traces, double wall_ms);

 private:
  RunOutput() = default;
  void write_line(const std::string& line);

  std::filesystem::path folder_;
  std::ofstream lines_;
  std::map<std::size_t, std::string> waiting_;
  std::size_t next_ = 0;
  bool any_ = false;  // in kept_
  // The requests of --json, on a disk: there may be many.
  std::unique_ptr<std::FILE, int (*)(std::FILE*)> kept_{nullptr, nullptr};
};

}  // namespace limelight::cli
