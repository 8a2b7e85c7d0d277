// What slices of all kinds of traces are, and which of them are waiting.
#include <boost/test/unit_test.hpp>

#include "profiling/analysis/slice_kind.hpp"
#include "profiling/analysis/waiting.hpp"

namespace prof = limelight::profiling;
using Kind = prof::SliceKind;

namespace {

Kind kind(std::string_view category, std::string_view name, bool of_device = false) {
  prof::EventLine event;
  event.phase = 'X';
  event.category = category;
  event.name = name;
  return prof::slice_kind(event, name, of_device);
}

}  // namespace

namespace limelight::profiling {
std::ostream& operator<<(std::ostream& out, Kind kind) {
  return out << slice_kind_names[static_cast<std::size_t>(kind)];
}
}  // namespace limelight::profiling

BOOST_AUTO_TEST_SUITE(slice_kinds)

BOOST_AUTO_TEST_CASE(slices_of_ours) {
  BOOST_TEST(kind("user_annotation", "ProfilerStep#7") == Kind::step);
  BOOST_TEST(kind("cpu_op", "matmul") == Kind::operation);
  BOOST_TEST(kind("cpu_op", "ipc.loan") == Kind::transfer);
  BOOST_TEST(kind("cpu_op", "ipc.publish") == Kind::transfer);
  BOOST_TEST(kind("cpu_op", "wait.chunk") == Kind::wait);
  BOOST_TEST(kind("cpu_op", "collective.all_reduce") == Kind::collective);
  BOOST_TEST(kind("user_annotation", "turn") == Kind::annotation);
}

BOOST_AUTO_TEST_CASE(slices_of_devices) {
  BOOST_TEST(kind("kernel", "sgemm") == Kind::gpu);
  BOOST_TEST(kind("gpu_memcpy", "Memcpy HtoD") == Kind::gpu);
  BOOST_TEST(kind("kernel", "ncclDevKernel_AllReduce") == Kind::collective);
  BOOST_TEST(kind("cuda_runtime", "ncclAllReduce") == Kind::operation);  // the call alone
  BOOST_TEST(kind("", "fusion.3", true) == Kind::gpu);  // its process is one of a device
  BOOST_TEST(kind("gpu_user_annotation", "ProfilerStep#7") == Kind::annotation);
  BOOST_TEST(kind("overhead", "Buffer Flush") == Kind::annotation);
}

BOOST_AUTO_TEST_CASE(waits_of_any_program_are_no_work) {
  for (const char* name : {"cudaStreamSynchronize", "hipDeviceSynchronize", "idle", "time.sleep",
                           "<built-in method acquire of _thread.lock object at 0x7f12>",
                           "gloo:all_reduce", "select.epoll.poll", "wait.room"}) {
    BOOST_TEST(prof::is_waiting("cpu_op", name), name);
    BOOST_TEST(kind("cpu_op", name) == Kind::wait);
  }
  BOOST_TEST(prof::is_waiting("cuda_sync", "Stream Wait Event"));
  for (const char* name :
       {"cudaLaunchKernel", "cudaStreamSynchronizeSomething", "waiter", "sleepy"})
    BOOST_TEST(!prof::is_waiting("cpu_op", name), name);
}

BOOST_AUTO_TEST_SUITE_END()
