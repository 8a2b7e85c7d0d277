// What device activities are called in a trace.
#include <boost/test/unit_test.hpp>

#include "profiling/cupti/cupti_names.hpp"

using namespace limelight::profiling;

namespace {
struct Names {
  CuptiLibrary library = *CuptiLibrary::load(SIMULATED_CUPTI);
  CuptiNames names{library};
};
}  // namespace

BOOST_AUTO_TEST_SUITE(cupti_names)

BOOST_FIXTURE_TEST_CASE(a_kernel_is_called_as_in_its_source, Names) {
  BOOST_TEST(names.kernel("_ZN4cuda3addIfEEvPT_i") == "void cuda::add<float>(float*, int)");
  BOOST_TEST(names.kernel("plain_c_name") == "plain_c_name");
  BOOST_TEST(names.kernel(nullptr) == "unnamed kernel");
}

BOOST_FIXTURE_TEST_CASE(a_call_has_no_version, Names) {
  const auto launch = CUPTI_RUNTIME_TRACE_CBID_cudaLaunchKernel_v7000;
  BOOST_TEST(names.call(CUPTI_CB_DOMAIN_RUNTIME_API, launch) == "cudaLaunchKernel");
  // The same number is another function of the other interface.
  BOOST_TEST(names.call(CUPTI_CB_DOMAIN_DRIVER_API, launch) == "cuGraphLaunch");
  BOOST_TEST(names.call(CUPTI_CB_DOMAIN_RUNTIME_API, 999'999) == "call 999999");
}

BOOST_FIXTURE_TEST_CASE(copies_and_sets_say_the_memory_that_they_touch, Names) {
  BOOST_TEST(names.memcpy(CUPTI_ACTIVITY_MEMCPY_KIND_HTOD, CUPTI_ACTIVITY_MEMORY_KIND_PINNED,
                          CUPTI_ACTIVITY_MEMORY_KIND_DEVICE) == "Memcpy HtoD (Pinned -> Device)");
  BOOST_TEST(names.memcpy(200, 200, 200) == "Memcpy Unknown (Unknown -> Unknown)");
  BOOST_TEST(names.memset(CUPTI_ACTIVITY_MEMORY_KIND_MANAGED) == "Memset (Managed)");
}

BOOST_FIXTURE_TEST_CASE(a_name_stays_where_it_is, Names) {
  const std::string_view first = names.memset(CUPTI_ACTIVITY_MEMORY_KIND_DEVICE);
  for (unsigned kind = 0; kind < 200; ++kind)
    (void)names.memcpy(static_cast<std::uint8_t>(kind), 0, 0);
  BOOST_TEST(first == "Memset (Device)");
  BOOST_TEST(names.memset(CUPTI_ACTIVITY_MEMORY_KIND_DEVICE).data() == first.data());
}

BOOST_AUTO_TEST_CASE(waits_and_overheads_have_names_also_unknown_ones) {
  BOOST_TEST(CuptiNames::synchronization(CUPTI_ACTIVITY_SYNCHRONIZATION_TYPE_STREAM_SYNCHRONIZE) ==
             "Stream Sync");
  BOOST_TEST(CuptiNames::synchronization(999) == "Unknown Sync");
  BOOST_TEST(CuptiNames::overhead(CUPTI_ACTIVITY_OVERHEAD_CUPTI_BUFFER_FLUSH) == "Buffer Flush");
  BOOST_TEST(CuptiNames::overhead(999) == "Unknown Overhead");
}

BOOST_AUTO_TEST_SUITE_END()
