// Requests as lines of JSON, for `limelight run --prompts`. One thread uses a RequestLines.
//
//   {"prompt": "Why is the sky blue?", "max_tokens": 20, "seed": 7}
//   {"prompt": "What is this?", "attachments": {...}}      (see request_attachments.hpp)
//   {"messages": [{"role": "user", "content": "Hello"}], "sampling_params": {"top_k": 5}}
//   {"messages": [{"role": "user", "content": [{"type": "image_url", ...}]}]}
//                                                          (see actors/formats/request_parts.hpp)
//
// An error names the file and the line, the key, what was found and what was expected. A key that
// is not known is an error, and so is a request_id that an earlier line has.
#pragma once

#include <filesystem>
#include <fstream>
#include <limelight/request.hpp>
#include <limelight/result.hpp>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>

namespace limelight::cli {

// One request. defaults: where the line says nothing. A max_tokens of the defaults counts as one
// that was asked for. folder: where relative paths of files begin. Errors: invalid_argument,
// without file and line. traceparent: where the key of that name goes, which says the trace that
// the request belongs to (W3C Trace Context). source: what the line was read from, for the order of
// keys in tools' calls.
Result<GenerateRequest> read_request(const nlohmann::json& line,
                                     const stages::SamplingParams& defaults,
                                     const std::filesystem::path& folder = {},
                                     std::string* traceparent = nullptr,
                                     std::string_view source = {});

// Sets a system message before the prompt or the messages, unless they begin with one.
void add_system(const std::string& system, GenerateRequest& request);

// A file of requests, which is never in memory as a whole. What is no plain file, such as a pipe,
// is copied to one that is gone with the object.
class RequestLines {
 public:
  // Reads all of the file, so that an error in its last line is known before anything runs.
  // Requests without a request_id are numbered from 0. file: "-" for standard input. Errors:
  // not_found, invalid_argument, unavailable (a pipe's lines cannot be kept).
  static Result<RequestLines> open(const std::filesystem::path& file,
                                   const stages::SamplingParams& defaults);
  std::size_t answers() const noexcept { return answers_; }  // n counts as n
  // The next request, from the first on; none after the last. Errors: as above, where the file was
  // changed meanwhile.
  Result<std::optional<GenerateRequest>> next(const stages::SamplingParams& defaults);
  // Of the request that next() gave last; empty: its line says none.
  const std::string& traceparent() const noexcept { return traceparent_; }

 private:
  explicit RequestLines(std::filesystem::path file) : file_(std::move(file)) {}
  Result<void> keep(std::istream& from);

  std::string traceparent_;
  std::filesystem::path file_, folder_;  // folder_: empty for the working directory
  std::ifstream in_;
  std::size_t line_ = 0, count_ = 0, answers_ = 0;
};

}  // namespace limelight::cli
