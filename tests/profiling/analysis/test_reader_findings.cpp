// What keeps programs from reading a trace, in words.
#include <boost/test/unit_test.hpp>

#include "profiling/analysis/reader_findings.hpp"

namespace prof = limelight::profiling;
using Effect = prof::ReaderFindings::Effect;

BOOST_AUTO_TEST_SUITE(reader_findings)

BOOST_AUTO_TEST_CASE(equal_findings_are_counted_and_stand_in_the_order_of_the_first) {
  prof::ReaderFindings findings;
  findings.add(prof::hta, Effect::loses, 3, "key 'a'", ", such as this");
  findings.add(prof::perfetto, Effect::refuses, 4, "key 'b'");
  for (std::size_t line = 5; line < 8; ++line)
    findings.add(prof::hta, Effect::loses, line, "key 'a'");
  BOOST_REQUIRE(findings.all().size() == 2u);
  BOOST_TEST(prof::ReaderFindings::text(findings.all()[0], "t.json") ==
             "t.json:3: key 'a', such as this (HolisticTraceAnalysis loses it); 3 more like it");
  BOOST_TEST(prof::ReaderFindings::text(findings.all()[1], "t.json") ==
             "t.json:4: key 'b' (Perfetto refuses the file)");
}

BOOST_AUTO_TEST_CASE(several_programs_and_whole_files) {
  prof::ReaderFindings findings;
  findings.add(prof::all_programs, Effect::refuses, 0, "found no JSON");
  findings.add(prof::chrome | prof::speedscope | prof::limelight_itself, Effect::loses, 2, "x");
  findings.add(prof::limelight_itself, Effect::loses, 2, "y");
  BOOST_TEST(prof::ReaderFindings::text(findings.all()[0], "t") ==
             "t: found no JSON (Perfetto, chrome://tracing, HolisticTraceAnalysis, speedscope "
             "refuse the file)");
  BOOST_TEST(prof::ReaderFindings::text(findings.all()[1], "t") ==
             "t:2: x (chrome://tracing, speedscope lose it)");
  BOOST_TEST(prof::ReaderFindings::text(findings.all()[2], "t") == "t:2: y");
}

BOOST_AUTO_TEST_SUITE_END()
