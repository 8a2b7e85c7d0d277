#include "profiling/analysis/waiting.hpp"

#include <algorithm>
#include <array>

#include "profiling/record/event_names.hpp"

namespace limelight::profiling {

namespace {

constexpr std::array synchronizations{
    std::string_view("cuCtxSynchronize"),     std::string_view("cuEventSynchronize"),
    std::string_view("cuStreamSynchronize"),  std::string_view("cudaDeviceSynchronize"),
    std::string_view("cudaEventSynchronize"), std::string_view("cudaStreamSynchronize"),
    std::string_view("hipDeviceSynchronize"), std::string_view("hipEventSynchronize"),
    std::string_view("hipStreamSynchronize"), std::string_view("idle")};

// As Kineto and viztracer name Python's own functions, such as
// "<built-in method acquire of _thread.lock object at 0x7f...>" and "_thread.lock.acquire".
constexpr std::array python{std::string_view("<built-in function sleep>"),
                            std::string_view("<built-in method acquire of _thread."),
                            std::string_view("<built-in method poll of select."),
                            std::string_view("<built-in method select"),
                            std::string_view("<built-in method sleep"),
                            std::string_view("<method 'accept' of '_socket.socket'"),
                            std::string_view("<method 'acquire' of '_thread."),
                            std::string_view("<method 'poll' of 'select."),
                            std::string_view("<method 'recv' of '_socket.socket'"),
                            std::string_view("<method 'recv_into' of '_socket.socket'"),
                            std::string_view("_thread.lock.acquire"),
                            std::string_view("_thread.RLock.acquire"),
                            std::string_view("select.epoll.poll"),
                            std::string_view("select.poll.poll"),
                            std::string_view("select.select"),
                            std::string_view("time.sleep")};

}  // namespace

bool is_waiting(std::string_view category, std::string_view name) {
  if (category == "cuda_sync") return true;
  if (name.starts_with(event_names::wait_prefix) ||
      name.starts_with(event_names::collective_prefix) || name.starts_with("gloo:"))
    return true;
  const auto begins = [&](std::string_view known) { return name.starts_with(known); };
  return std::find(synchronizations.begin(), synchronizations.end(), name) !=
             synchronizations.end() ||
         std::any_of(python.begin(), python.end(), begins);
}

}  // namespace limelight::profiling
