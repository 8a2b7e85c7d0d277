#include "profiling/capture/stack_sampler.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <link.h>
#include <linux/perf_event.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#if defined(__x86_64__)
#include <cpuid.h>
#endif

#include <array>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <limelight/span.hpp>
#include <set>

#include "base/whole_number.hpp"
#include "profiling/capture/stack_walk.hpp"

namespace limelight::profiling {

namespace {

constexpr std::uint64_t period_ns = 1'000'000;
constexpr int most_frames = 96, handler_frames = 8;
constexpr std::size_t slots = 2048;

struct Slot {
  enum State : std::uint32_t { empty, being_filled, full };
  std::atomic<std::uint32_t> state{empty};
  int thread_id = 0;
  std::uint32_t request = 0;
  int count = 0;
  std::uint64_t ticks = 0;
  std::array<std::uintptr_t, most_frames + handler_frames> addresses{};
  std::uintptr_t interrupted = 0;
};

// Never freed: a signal may still come when no sampler is there.
struct Samples {
  std::array<Slot, slots> all{};
  std::atomic<std::uint64_t> next{0}, drops{0}, handler_ticks{0};
};
std::atomic<Samples*> samples{nullptr};
std::atomic<bool> runs{false};  // a sampler does

std::uintptr_t interrupted_at(void* context) noexcept {
#if defined(__x86_64__)
  return static_cast<std::uintptr_t>(
      static_cast<const ucontext_t*>(context)->uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return static_cast<const ucontext_t*>(context)->uc_mcontext.pc;
#else
  return 0;
#endif
}

void on_signal(int, siginfo_t*, void* context) {
  if (!runs.load(std::memory_order_acquire)) return;
  const int before = errno;
  const std::uint64_t begin = ticks();
  Samples& all = *samples.load(std::memory_order_acquire);
  Slot& slot = all.all[all.next.fetch_add(1, std::memory_order_relaxed) % slots];
  std::uint32_t expected = Slot::empty;
  if (!slot.state.compare_exchange_strong(expected, Slot::being_filled,
                                          std::memory_order_acquire)) {
    all.drops.fetch_add(1, std::memory_order_relaxed);
  } else {
    slot.thread_id = static_cast<int>(syscall(SYS_gettid));
    slot.request = detail::thread_state.request;
    slot.ticks = begin;
    slot.interrupted = interrupted_at(context);
    slot.count = walk_stack(slot.addresses.data(), static_cast<int>(slot.addresses.size()));
    slot.state.store(Slot::full, std::memory_order_release);
  }
  all.handler_ticks.fetch_add(ticks() - begin, std::memory_order_relaxed);
  errno = before;
}

// As the processor says to a guest.
bool in_virtual_machine() noexcept {
#if defined(__x86_64__)
  unsigned eax = 0, ebx = 0, ecx = 0, edx = 0;
  return __get_cpuid(1, &eax, &ebx, &ecx, &edx) != 0 && (ecx & 1u << 31) != 0;
#else
  return false;
#endif
}

// To find a name takes some tenths of a millisecond, so those of a session are kept for the next.
struct KnownFunctions {
  std::map<std::uintptr_t, NativeFunction> by_end = {};
  unsigned long long unloaded = 0;  // libraries, until then: another one may be in their place
};
// Of the one sampler that there is.
KnownFunctions& known_functions() {
  static KnownFunctions functions;
  return functions;
}
unsigned long long unloaded_libraries() {
  unsigned long long number = 0;
  dl_iterate_phdr(
      [](dl_phdr_info* library, std::size_t, void* to) {
        *static_cast<unsigned long long*>(to) = library->dlpi_subs;
        return 1;
      },
      &number);
  return number;
}

// Of a thread of this process, as the kernel makes such numbers.
clockid_t cpu_clock(int thread_id) noexcept {
  return static_cast<clockid_t>(~static_cast<unsigned>(thread_id) << 3 | 6u);
}

int open_event(int thread_id) noexcept {
  perf_event_attr event{};
  event.size = sizeof event;
  event.type = PERF_TYPE_SOFTWARE;
  event.config = PERF_COUNT_SW_CPU_CLOCK;
  event.sample_period = period_ns;
  event.wakeup_events = 1;
  event.exclude_kernel = event.exclude_hv = 1;
  event.disabled = 1;
  const int fd = static_cast<int>(
      syscall(SYS_perf_event_open, &event, thread_id, -1, -1, PERF_FLAG_FD_CLOEXEC));
  if (fd < 0) return -1;
  const f_owner_ex owner{F_OWNER_TID, thread_id};
  if (fcntl(fd, F_SETFL, O_ASYNC) == 0 && fcntl(fd, F_SETSIG, SIGPROF) == 0 &&
      fcntl(fd, F_SETOWN_EX, &owner) == 0 && ioctl(fd, PERF_EVENT_IOC_ENABLE, 0) == 0)
    return fd;
  close(fd);
  return -1;
}
}  // namespace

StackSampler::StackSampler(const UnwindLibrary& library)
    : library_(library), by_timer_(in_virtual_machine()) {}

Result<std::unique_ptr<StackSampler>> StackSampler::start() {
  const auto unwind = UnwindLibrary::get();
  if (!unwind) return unwind.error();
  struct sigaction now {};
  sigaction(SIGPROF, nullptr, &now);
  const bool ours = (now.sa_flags & SA_SIGINFO) != 0 && now.sa_sigaction == on_signal;
  if (!ours && now.sa_handler != SIG_DFL && now.sa_handler != SIG_IGN)
    return Error{ErrorCode::unavailable,
                 "call stacks need the signal SIGPROF, which another profiler has in this process"};
  if (samples.load() == nullptr) samples = new Samples;
  std::unique_ptr<StackSampler> sampler(new StackSampler(**unwind));
  drain([](const StackSample&) {});  // what was left by the one before
  KnownFunctions& known = known_functions();
  if (const auto unloaded = unloaded_libraries(); unloaded != known.unloaded)
    known = {.by_end = {}, .unloaded = unloaded};
  sampler->drops_before_ = samples.load()->drops;
  sampler->ticks_before_ = samples.load()->handler_ticks;
  if (!ours) {
    // It stays: a signal that comes late would end the process otherwise.
    struct sigaction mine {};
    mine.sa_sigaction = on_signal;
    mine.sa_flags = SA_SIGINFO | SA_RESTART;
    sigemptyset(&mine.sa_mask);
    sigaction(SIGPROF, &mine, nullptr);
  }
  prepare_stack_walk();
  runs.store(true, std::memory_order_release);
  return sampler;
}

StackSampler::~StackSampler() {
  runs.store(false, std::memory_order_release);
  for (auto& [thread_id, trigger] : threads_) detach(trigger);
}

bool StackSampler::attach(int thread_id, Trigger& trigger) {
  if (!by_timer_) trigger.event = open_event(thread_id);
  if (trigger.event >= 0) return true;
  // No thread is there any more, or such events are not allowed at all.
  if (!by_timer_ && errno == ESRCH) return false;
  by_timer_ = true;
  sigevent event{};
  event.sigev_notify = SIGEV_THREAD_ID;
  event.sigev_signo = SIGPROF;
  event._sigev_un._tid = thread_id;
  timer_t timer = nullptr;
  if (timer_create(cpu_clock(thread_id), &event, &timer) != 0) return false;
  const timespec period{0, static_cast<long>(period_ns)};
  const itimerspec both{period, period};
  timer_settime(timer, 0, &both, nullptr);
  trigger.timer = timer;
  return true;
}

void StackSampler::detach(Trigger& trigger) {
  if (trigger.event >= 0) {
    ioctl(trigger.event, PERF_EVENT_IOC_DISABLE, 0);
    close(trigger.event);
  }
  if (trigger.timer != nullptr) timer_delete(trigger.timer);
  trigger = {};
}

void StackSampler::follow_threads() {
  const int own = static_cast<int>(syscall(SYS_gettid));
  std::set<int> there;
  DIR* folder = opendir("/proc/self/task");
  if (folder == nullptr) return;
  while (const dirent* entry = readdir(folder))
    if (const auto thread = whole_number<int>(std::string_view(entry->d_name), 1);
        thread && *thread != own)
      there.insert(*thread);
  closedir(folder);
  for (auto at = threads_.begin(); at != threads_.end();) {
    const auto here = at++;
    if (there.contains(here->first)) continue;
    detach(here->second);
    threads_.erase(here);
  }
  for (const int thread_id : there)
    if (!threads_.contains(thread_id)) {
      Trigger trigger;
      if (attach(thread_id, trigger)) threads_.emplace(thread_id, trigger);
    }
}

void StackSampler::drain(const std::function<void(const StackSample&)>& each) {
  for (Slot& slot : samples.load()->all) {
    if (slot.state.load(std::memory_order_acquire) != Slot::full) continue;
    std::array<std::uintptr_t, most_frames + handler_frames> callers{};
    // Above the interrupted function are the handler and the kernel's way into it. An address that
    // is returned to lies behind its call; the interrupted one does not.
    int first = 0;
    const auto address = [&](int frame) { return slot.addresses[static_cast<std::size_t>(frame)]; };
    while (first < slot.count && address(first) != slot.interrupted) ++first;
    std::size_t count = 0;
    for (int i = first; i < slot.count && address(i) != 0; ++i)
      callers[count++] = i == first ? address(i) : address(i) - 1;
    if (count == 0) callers[count++] = slot.interrupted;
    each({.thread_id = slot.thread_id,
          .ticks = slot.ticks,
          .request = slot.request,
          .callers = std::span(callers).first(count)});
    slot.state.store(Slot::empty, std::memory_order_release);
  }
}

const NativeFunction& StackSampler::function_at(std::uintptr_t address) {
  auto& functions = known_functions().by_end;
  const auto at = functions.upper_bound(address);
  if (at != functions.end() && at->second.begin <= address) return at->second;
  NativeFunction function = library_.function_at(address);
  const std::uintptr_t end = function.end;
  return functions.insert_or_assign(end, std::move(function)).first->second;
}

std::uint64_t StackSampler::drops() const noexcept {
  return samples.load()->drops.load(std::memory_order_relaxed) - drops_before_;
}
std::uint64_t StackSampler::handler_ticks() const noexcept {
  return samples.load()->handler_ticks.load(std::memory_order_relaxed) - ticks_before_;
}
const char* StackSampler::trigger() const noexcept {
  return by_timer_ ? "CPU-time timer" : "perf_event";
}

}  // namespace limelight::profiling
