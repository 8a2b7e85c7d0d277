#include "actors/http/api_error.hpp"

#include <nlohmann/json.hpp>

namespace limelight::http {

using nlohmann::json;

namespace {

const char* type_of(int status) {
  if (status == 401) return "authentication_error";
  if (status == 403) return "permission_error";
  if (status == 404) return "not_found_error";
  if (status == 429) return "rate_limit_error";
  if (status == 504) return "timeout_error";
  return status < 500 ? "invalid_request_error" : "server_error";
}

int status_of(ErrorCode code) {
  switch (code) {
    case ErrorCode::invalid_argument:
    case ErrorCode::corrupt:  // such as a picture that is none
    case ErrorCode::late: return 400;
    case ErrorCode::too_large: return 413;
    case ErrorCode::not_found: return 404;
    case ErrorCode::busy: return 409;
    case ErrorCode::timeout: return 504;
    case ErrorCode::rank_failed:
    case ErrorCode::cancelled:
    case ErrorCode::unavailable: return 503;
    default: return 500;
  }
}

}  // namespace

std::string ApiError::body() const {
  const json error{{"message", message},
                   {"type", type_of(status)},
                   {"param", param.empty() ? json() : json(param)},
                   {"code", code.empty() ? json() : json(code)}};
  return json{{"error", error}}.dump(-1, ' ', false, json::error_handler_t::replace);
}

HttpAnswer ApiError::answer() const {
  HttpAnswer answer{.status = status, .body = body()};
  if (status == 429 || status == 503) answer.headers.emplace_back("Retry-After", "1");
  if (status == 401) answer.headers.emplace_back("WWW-Authenticate", "Bearer");
  return answer;
}

ApiError api_error(const Error& error) {
  ApiError found{.status = status_of(error.code), .message = error.message};
  const std::string key = "key '";
  if (error.message.starts_with(key))
    if (const auto end = error.message.find('\'', key.size()); end != std::string::npos)
      found.param = error.message.substr(key.size(), end - key.size());
  if (error.code != ErrorCode::none) found.code = to_string(error.code);
  return found;
}

}  // namespace limelight::http
