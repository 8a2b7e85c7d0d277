#include "cli/bench_command.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <iostream>

#include "base/helper.hpp"

namespace limelight::cli {

int bench(char** argv) {
  const auto program = find_helper("limelight-bench");
  if (!program) {
    std::cerr << "limelight bench: " << program.error().message
              << "; build it with -DLIMELIGHT_BENCH=ON\n";
    return 1;
  }
  ::execv(program->c_str(), argv);
  std::cerr << "limelight bench: cannot run " << *program << ": " << std::strerror(errno) << "\n";
  return 1;
}

}  // namespace limelight::cli
