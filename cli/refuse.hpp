// How a command says that it could not do its work, and the exit code that it ends with: 2 for
// wrong usage or config, 1 for what failed.
#pragma once

#include <iostream>
#include <limelight/result.hpp>
#include <string>

namespace limelight::cli {

inline int refuse(const char* command, int code, const std::string& what) {
  std::cerr << "limelight " << command << ": " << what << "\n";
  return code;
}

inline int exit_code(const Error& error) {
  return error.code == ErrorCode::invalid_argument || error.code == ErrorCode::not_found ? 2 : 1;
}

}  // namespace limelight::cli
