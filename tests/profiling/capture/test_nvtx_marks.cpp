// NVTX ranges, as a library that is injected sees them.
#include <boost/test/unit_test.hpp>
#include <cstdlib>

#include "tests/profiling/sessions.hpp"
#include "tests/support.hpp"

namespace prof = limelight::profiling;
namespace fs = std::filesystem;
using namespace limelight::tests;

namespace {

// NVTX looks for the library at its first call, so each case is a process.
std::string told(const fs::path& folder, bool nvtx) {
  const fs::path log = folder / "log";
  BOOST_TEST(exit_code(in_process([&] {
               setenv("NVTX_INJECTION64_PATH", SIMULATED_NVTX, 1);
               setenv("SIMULATED_NVTX_LOG", log.c_str(), 1);
               const auto step = prof::intern("code2wav step", prof::Category::user_annotation,
                                              prof::ValueKind::step);
               const auto work = prof::intern("work");
               auto how = options(folder);
               how.profile.nvtx = nvtx;
               prof::name_request(7, "req \"a\"");
               const prof::Span before(work);
               auto session = prof::Session::start(how);
               if (!session) return 2;
               {
                 const prof::RequestScope request(7);
                 prof::Span outer_step(step, 17);
                 const prof::Span inside(work);
               }
               {
                 prof::Span shared_step(step, 18);
                 shared_step.discard();
               }
               const prof::Span open(work);  // at the end of the session
               if (!(*session)->stop().ok()) return 3;
               const prof::Span after(work);
               return 0;
             })) == 0);
  return read_file(log);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(nvtx_marks)

BOOST_AUTO_TEST_CASE(spans_of_a_profile_are_ranges_of_its_rank_with_step_and_request) {
  const Folder folder;
  const std::string rank = "limelight rank 3: stage 2 code2wav";
  const std::string expected = "domain " + rank + "\n" +                                      //
                               "push " + rank + ": code2wav step #17, request req \"a\"\n" +  //
                               "push " + rank + ": work\n" +                                  //
                               "pop " + rank + "\n" +                                         //
                               "pop " + rank + "\n" +                                         //
                               "push " + rank + ": code2wav step #18\n" +                     //
                               "pop " + rank + "\n" +                                         //
                               "push " + rank + ": work\n" +                                  //
                               "pop " + rank + "\n";
  BOOST_TEST(told(folder.path, true) == expected);
}

BOOST_AUTO_TEST_CASE(without_the_option_nvtx_is_not_even_loaded) {
  const Folder folder;
  BOOST_TEST(told(folder.path, false) == "");
}

BOOST_AUTO_TEST_SUITE_END()
