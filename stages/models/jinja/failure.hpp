// How a part of the interpreter of chat templates gives up: it throws a Failure, which the face in
// template.hpp catches and returns as an Error. None leaves that face.
#pragma once

#include <limelight/result.hpp>
#include <string>
#include <utility>

namespace limelight::stages::jinja {

struct Failure {
  ErrorCode code = ErrorCode::internal;
  std::string message;
  int line = 0;                // of the template; 0: the face fills in the line that runs
  bool from_template = false;  // the template raised it; its message is shown as it is
};

// For an operation that Python would refuse too, such as adding a text to a number.
[[noreturn]] inline void fail(std::string message) {
  throw Failure{.code = ErrorCode::invalid_argument, .message = std::move(message)};
}
// For something that Jinja has and this interpreter lacks.
[[noreturn]] inline void refuse(std::string message) {
  throw Failure{.code = ErrorCode::unavailable, .message = std::move(message)};
}

}  // namespace limelight::stages::jinja
