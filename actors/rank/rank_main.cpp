// The process of one rank; started by the launcher alone.
#include <cstdio>
#include <cstdlib>

#include "actors/rank/rank.hpp"
#include "base/log.hpp"

int main(int argc, char** argv) {
  limelight::log_to_stderr();
  const char* token = std::getenv("LIMELIGHT_TOKEN");
  if (argc != 8 || token == nullptr) {
    std::fprintf(stderr, "limelight-rank is started by Limelight itself; run `limelight --help`\n");
    return 2;
  }
  return limelight::actors::run_rank(
      {argv[1], std::atoi(argv[2]), static_cast<std::uint16_t>(std::atoi(argv[3])), argv[4],
       std::atoi(argv[5]), std::chrono::milliseconds(std::atoi(argv[6])),
       static_cast<std::size_t>(std::atol(argv[7])), token});
}
