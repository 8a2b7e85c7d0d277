#include "cli/request_lines.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <type_traits>
#include <unordered_map>

#include "actors/formats/json_values.hpp"
#include "actors/formats/message_json.hpp"
#include "actors/formats/refusal.hpp"
#include "actors/formats/sampling_json.hpp"
#include "actors/telemetry/trace_context.hpp"
#include "base/try.hpp"
#include "cli/request_attachments.hpp"

namespace limelight::cli {

using namespace formats;
using nlohmann::json;

namespace {

// It becomes the name of files.
void check_id(const std::string& id, const std::string& key) {
  constexpr std::size_t longest = 128;
  const bool plain = std::all_of(id.begin(), id.end(), [](unsigned char c) {
    return std::isalnum(c) != 0 || c == '-' || c == '_' || c == '.' || c == ':' || c == '@';
  });
  if (id.empty() || id.size() > longest || !plain || id.front() == '.')
    refuse(key, "'" + id.substr(0, longest) + "'",
           "1 to " + std::to_string(longest) +
               " letters, digits and any of - _ . : @, and no dot at the beginning");
}

}  // namespace

Result<GenerateRequest> read_request(const json& line,
                                     const stages::SamplingParams& defaults,
                                     const std::filesystem::path& folder,
                                     std::string* traceparent,
                                     std::string_view source) {
  GenerateRequest request;
  stages::SamplingParams params = defaults;
  const Handlers sampling = sampling_handlers(params), speech = speech_handlers(params.speech);
  bool has_prompt = false;
  const Handlers own{
      {"prompt",
       [&](const json& v, const std::string& k) {
         request.prompt = text(v, k);
         if (request.prompt.empty()) refuse(k, "an empty text", "a text");
         has_prompt = true;
       }},
      {"messages",
       [&](const json& v, const std::string& k) {
         request.messages = read_messages(v, k, {.folder = &folder, .source = source});
       }},
      {"mm_processor_kwargs",
       [&](const json& v, const std::string& k) {
         refuse(k, show(v),
                "none: use_audio_in_video and its other keys are about videos, which "
                "are not read");
       }},
      {"use_audio_in_video",
       [&](const json& v, const std::string& k) {
         refuse(k, show(v), "none: videos are not read");
       }},
      {"tools",
       [&](const json& v, const std::string& k) {
         refuse(k, show(v), "none: tools are not offered to models here");
       }},
      {"prompt_token_ids",
       [&](const json& v, const std::string& k) {
         request.prompt_token_ids = wholes(v, k);
         if (request.prompt_token_ids.empty()) refuse(k, "an empty list", "one token or more");
       }},
      {"attachments",
       [&](const json& v, const std::string&) {
         auto attachments = read_attachments(v, folder);
         if (!attachments) throw Refusal{attachments.error().message};
         request.attachments = std::move(*attachments);
       }},
      {"request_id",
       [&](const json& v, const std::string& k) {
         request.request_id = text(v, k);
         check_id(request.request_id, k);
       }},
      {"traceparent",
       [&](const json& v, const std::string& k) {
         const std::string given = text(v, k);
         if (!telemetry::parse_traceparent(given))
           refuse(k, show(v),
                  "one of W3C Trace Context, such as "
                  "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
         if (traceparent != nullptr) *traceparent = given;
       }},
      {"modalities",
       [&](const json& v, const std::string& k) {
         const char* expected = "a list such as [\"text\"]";
         if (!v.is_array() || v.empty()) refuse(k, show(v), expected);
         for (const json& item : v) request.modalities.push_back(text(item, k, expected));
       }},
      {"deadline_ms",
       [&](const json& v, const std::string& k) {
         request.deadline = std::chrono::milliseconds(whole(v, k));
         if (request.deadline.count() < 1) refuse(k, show(v), "1 or more");
       }},
      {"sampling_params", [&](const json& v, const std::string& k) {
         if (!v.is_object()) refuse(k, show(v), "an object");
         read_object(v, k + ".", {&sampling, &speech});
       }}};
  try {
    if (!line.is_object())
      throw Refusal{"found no JSON object, expected one such as {\"prompt\": \"...\"}"};
    read_object(line, "", {&own, &sampling, &speech});
    const int kinds = (has_prompt ? 1 : 0) + (request.messages.empty() ? 0 : 1) +
                      (request.prompt_token_ids.empty() ? 0 : 1);
    if (kinds != 1 && (kinds != 0 || request.attachments.empty()))
      throw Refusal{"found " + std::string(kinds == 0 ? "none" : std::to_string(kinds)) +
                    " of the keys prompt, messages and prompt_token_ids, expected one"};
    check_ranges(params);
  } catch (const Refusal& refusal) {
    return Error{ErrorCode::invalid_argument, refusal.text};
  }
  request.sampling_params = std::move(params);
  return request;
}

void add_system(const std::string& system, GenerateRequest& request) {
  if (system.empty() || !request.prompt_token_ids.empty()) return;
  if (request.messages.empty()) request.messages.push_back({"user", std::move(request.prompt)});
  request.prompt.clear();
  if (request.messages.front().role != "system")
    request.messages.insert(request.messages.begin(), {"system", system});
}

// What comes from a pipe or a terminal can be read once: it is kept in a file without a name.
Result<void> RequestLines::keep(std::istream& from) {
  const auto failed = [&](const char* what) {
    return Error{ErrorCode::unavailable, file_.string() + ": cannot keep the requests in " +
                                             std::filesystem::temp_directory_path().string() +
                                             ": " + what + ": " + std::strerror(errno)};
  };
  std::string path = (std::filesystem::temp_directory_path() / "limelight-XXXXXX").string();
  const int fd = ::mkstemp(path.data());
  if (fd < 0) return failed("mkstemp");
  ::close(fd);
  std::ofstream copy(path, std::ios::binary);
  in_.open(path, std::ios::binary);
  ::unlink(path.c_str());
  for (std::string line; std::getline(from, line);) copy << line << '\n';
  copy.close();
  if (!copy || !in_) return failed("write");
  return {};
}

Result<RequestLines> RequestLines::open(const std::filesystem::path& file,
                                        const stages::SamplingParams& defaults) {
  RequestLines lines(file == "-" ? "standard input" : file);
  std::error_code failed;
  if (file == "-") {
    LIMELIGHT_TRY(lines.keep(std::cin));
  } else {
    std::ifstream in(file, std::ios::binary);
    const auto type = std::filesystem::status(file, failed).type();
    if (!in || type == std::filesystem::file_type::directory)
      return Error{ErrorCode::not_found, file.string() + ": cannot read the requests"};
    if (type == std::filesystem::file_type::regular) {
      lines.in_ = std::move(in);
      lines.folder_ = file.parent_path();
    } else {
      LIMELIGHT_TRY(lines.keep(in));
    }
  }
  std::unordered_map<std::string, std::size_t> line_of;  // each id that an output will have
  for (;;) {
    auto request = lines.next(defaults);
    if (!request) return request.error();
    if (!*request) break;
    const int n = (*request)->sampling_params->n;
    for (int i = 0; i < n; ++i) {
      const std::string id = (*request)->request_id + (i > 0 ? "." + std::to_string(i) : "");
      const auto [at, is_new] = line_of.emplace(id, lines.line_);
      if (!is_new)
        return Error{ErrorCode::invalid_argument,
                     lines.file_.string() + ":" + std::to_string(lines.line_) +
                         ": key 'request_id': found '" + id + "', which is that of line " +
                         std::to_string(at->second) + ", expected one of its own"};
    }
    lines.answers_ += static_cast<std::size_t>(n);
  }
  if (lines.count_ == 0)
    return Error{
        ErrorCode::invalid_argument,
        lines.file_.string() + ": found no request, expected one JSON object in each line"};
  lines.in_.clear();
  lines.in_.seekg(0);
  lines.line_ = lines.count_ = 0;
  return lines;
}

Result<std::optional<GenerateRequest>> RequestLines::next(const stages::SamplingParams& defaults) {
  for (std::string line; std::getline(in_, line);) {
    ++line_;
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    traceparent_.clear();
    auto request =
        read_request(json::parse(line, nullptr, false), defaults, folder_, &traceparent_, line);
    if (!request)
      return Error{request.error().code,
                   file_.string() + ":" + std::to_string(line_) + ": " + request.error().message};
    const std::size_t number = count_++;
    if (request->request_id.empty()) request->request_id = std::to_string(number);
    return std::optional<GenerateRequest>(std::move(request).value());
  }
  return std::optional<GenerateRequest>();
}

}  // namespace limelight::cli
