// Errors as OpenAI's clients read them:
//
//   {"error": {"message": "...", "type": "invalid_request_error", "param": "top_p", "code": null}}
#pragma once

#include <limelight/result.hpp>
#include <string>

#include "actors/http/message.hpp"

namespace limelight::http {

struct ApiError {
  int status = 400;
  std::string message = {};
  std::string param = {};  // the key at fault; empty: null
  std::string code = {};   // empty: null

  std::string body() const;
  HttpAnswer answer() const;
};

// What a failed request of a pipeline is to its client. The key that a message names is the param.
ApiError api_error(const Error& error);

}  // namespace limelight::http
