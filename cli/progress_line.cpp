#include "cli/progress_line.hpp"

namespace limelight::cli {

using namespace std::chrono_literals;

namespace {
constexpr std::size_t most_lines = 10;
constexpr auto rewrite_interval = 100ms;
}  // namespace

void ProgressLine::show(const Progress& p) {
  if (!terminal_) {
    const std::size_t step = (total_ + most_lines - 1) / most_lines;
    if (p.done == shown_ || (p.done < shown_ + step && p.done != total_)) return;
    shown_ = p.done;
    std::fprintf(file_, "%zu/%zu requests\n", p.done, total_);
    return;
  }
  const auto now = std::chrono::steady_clock::now();
  if (now - last_ < rewrite_interval && p.done != total_) return;
  last_ = now;
  open_ = true;
  std::fprintf(file_, "\r%zu/%zu requests, %llu bytes of text, %.1f s of sound\033[K", p.done,
               total_, static_cast<unsigned long long>(p.text_bytes), p.audio_seconds);
  std::fflush(file_);
}

void ProgressLine::end() {
  if (open_) std::fputs("\n", file_);
  open_ = false;
}

}  // namespace limelight::cli
