#include "bench/load/progress_bar.hpp"

#include <unistd.h>

#include <cstdio>
#include <string>

namespace limelight::bench {

using Clock = std::chrono::steady_clock;

ProgressBar::ProgressBar(std::size_t total)
    : total_(total), terminal_(::isatty(STDERR_FILENO) != 0), start_(Clock::now()) {}

ProgressBar::~ProgressBar() {
  if (terminal_) std::fputc('\n', stderr);
}

void ProgressBar::show(std::size_t ended, std::size_t failed) {
  const auto now = Clock::now();
  if (!terminal_ || (ended < total_ && now - last_ < std::chrono::milliseconds(100))) return;
  last_ = now;
  constexpr std::size_t width = 30;
  const std::size_t full = total_ == 0 ? width : width * ended / total_;
  const double spent = std::chrono::duration<double>(now - start_).count();
  const std::string bar = std::string(full, '#') + std::string(width - full, '.');
  std::fprintf(stderr, "\r[%s] %zu/%zu  %.0f s", bar.c_str(), ended, total_, spent);
  if (ended > 0 && ended < total_)
    std::fprintf(stderr, ", %.0f s left",
                 spent / static_cast<double>(ended) * static_cast<double>(total_ - ended));
  if (failed > 0) std::fprintf(stderr, ", %zu failed", failed);
  std::fputs("\033[K", stderr);
  std::fflush(stderr);
}

}  // namespace limelight::bench
