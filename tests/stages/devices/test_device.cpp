// How a device is chosen.
#include <boost/test/unit_test.hpp>

#include "stages/devices/device.hpp"
#include "tests/support.hpp"

using namespace limelight;
using namespace limelight::stages;
using limelight::tests::allocations_throw;
namespace prof = limelight::profiling;

BOOST_AUTO_TEST_CASE(devices_are_chosen_by_their_names) {
  for (const char* good : {"cpu", "auto", "0", "0,1", "cuda:0", "cuda:0,cuda:1"})
    BOOST_TEST(is_device_wish(good), good);
  for (const char* bad : {"", "gpu", "cuda:", "cuda:x", "0,", "-1"})
    BOOST_TEST(!is_device_wish(bad), bad);
  std::string notice;
  BOOST_TEST((*make_device("cpu", 0, notice))->name() == "cpu");
  if (const auto gpu = make_cuda_device(0); !gpu) {
    BOOST_TEST((*make_device("0", 0, notice))->name() == "cpu");  // as vLLM-Omni's configs have it
    BOOST_TEST(notice.find("computes on the CPU") != std::string::npos);
    BOOST_TEST((make_device("cuda:0", 0, notice).error().code == ErrorCode::unavailable));
  }
}

BOOST_AUTO_TEST_CASE(arrays_and_weights_are_in_the_ledger_of_memory) {
  const auto device = make_cpu_device();
  const auto held = [](prof::MemoryHolder holder) {
    return prof::memory_ledger().now().of(prof::MemorySpace::host, holder);
  };
  const std::uint64_t activations = held(prof::MemoryHolder::activations),
                      weights = held(prof::MemoryHolder::weights);
  {
    Array grows(*device, 100);
    BOOST_TEST(held(prof::MemoryHolder::activations) == activations + 400);
    grows.resize(150);  // it has room for 200
    BOOST_TEST(held(prof::MemoryHolder::activations) == activations + 800);
    Array other(*device, 1);
    other = std::move(grows);
    BOOST_TEST(held(prof::MemoryHolder::activations) == activations + 804);
    const std::vector<float> values(20 * 3);
    const auto packed = device->pack(values, 20, 3, ipc::DType::float32);
    BOOST_TEST(held(prof::MemoryHolder::weights) == weights + 32 * 3 * 4);  // whole panels
  }
  BOOST_TEST(held(prof::MemoryHolder::activations) == activations);
  BOOST_TEST(held(prof::MemoryHolder::weights) == weights);
}

BOOST_AUTO_TEST_CASE(an_array_that_finds_no_room_says_who_has_it,
                     *boost::unit_test::enable_if<allocations_throw>()) {
  const auto device = make_cpu_device();
  const prof::MemoryScope scope(prof::MemoryHolder::kv_cache);
  constexpr std::size_t too_many = std::size_t{1} << 60;
  BOOST_CHECK_THROW(Array(*device, too_many), std::bad_alloc);
  BOOST_TEST(prof::memory_ledger().last_failure().find("for kv cache") != std::string::npos,
             prof::memory_ledger().last_failure());
}
