#include "bench/count/traced_calls.hpp"

#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>

namespace limelight::bench {

namespace {

// A call that does nothing: the group of a process that cannot exist.
constexpr long mark = 0x4c000000, end_mark = 0x4cffffff;
constexpr int system_call_stop = SIGTRAP | 0x80;

// The marks and calls of a stopped process. Calls are seen when they are entered and when they are
// left.
struct Counter {
  std::vector<std::uint64_t> parts;
  int part = -1;
  bool inside = false;

  void see(pid_t child) {
    inside = !inside;
    if (!inside) return;
#if defined(__x86_64__)
    user_regs_struct registers{};
    if (::ptrace(PTRACE_GETREGS, child, nullptr, &registers) != 0) return;
    const auto argument = static_cast<long>(registers.rdi);
    if (registers.orig_rax == SYS_getpgid && argument >= mark && argument <= end_mark) {
      part = argument == end_mark ? -1 : static_cast<int>(argument - mark);
      if (part >= static_cast<int>(parts.size())) parts.resize(static_cast<std::size_t>(part) + 1);
      return;
    }
#else
    (void)child;
#endif
    if (part >= 0) ++parts[static_cast<std::size_t>(part)];
  }
};

}  // namespace

void begin_part(int n) noexcept { ::syscall(SYS_getpgid, mark + n); }
void end_part() noexcept { ::syscall(SYS_getpgid, end_mark); }

Result<CountedCalls> run_counted(const std::function<int()>& body) {
  const pid_t child = ::fork();
  if (child < 0)
    return Error{ErrorCode::io, std::string("cannot make a process: ") + std::strerror(errno)};
  if (child == 0) {
    const bool traced = ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0;
    if (traced) ::raise(SIGSTOP);
    ::_exit(body());
  }
  CountedCalls calls;
  Counter counter;
  int status = 0;
  while (::waitpid(child, &status, 0) == child && WIFSTOPPED(status)) {
    int signal = WSTOPSIG(status);
    if (!calls.counted && signal == SIGSTOP) {
      calls.counted = ::ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD) == 0;
      signal = 0;
    } else if (signal == system_call_stop) {
      counter.see(child);
      signal = 0;
    }
    ::ptrace(PTRACE_SYSCALL, child, nullptr, static_cast<long>(signal));
  }
  calls.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
#if !defined(__x86_64__)
  calls.counted = false;
#endif
  calls.parts = std::move(counter.parts);
  return calls;
}

}  // namespace limelight::bench
