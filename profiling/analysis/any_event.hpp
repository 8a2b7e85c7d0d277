// One event of a trace of any program, read leniently: the keys that Chrome's format defines, in
// the types that the tools of this folder compute with.
//
//   key      taken
//   ts, dur  numbers or texts, in microseconds; kept in whole nanoseconds, exactly
//   pid, tid numbers or texts; a text, or a number that is not whole, gets a number of its own
//   name     a text; a number as its text; without one: ""
//   others   cat, id, id2.local, id2.global, bp, and the scalars in args
//
// Source: "Trace Event Format" of the Chromium project. Text that is no JSON because of its
// characters or numbers is read as well_formed() has it. One thread uses an AnyEventReader.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace limelight::profiling {

struct AnyEvent {
  char phase = 0;
  std::string name, category, id;
  std::int64_t pid = 0, tid = 0;
  std::optional<std::int64_t> begin_ns, duration_ns;
  std::vector<std::pair<std::string, std::string>> args;  // texts without their quotes

  const std::string* arg(std::string_view key) const;
};

class AnyEventReader {
 public:
  // text: a JSON object. Nothing if it is none, has no phase of one letter, or has a time that is
  // no number or does not fit 64 bits of nanoseconds.
  std::optional<AnyEvent> read(std::string_view text);
  // What a pid or tid stood for that is no whole number; empty for the others.
  std::string text_of(std::int64_t id) const;

 private:
  std::int64_t number_of(const std::string& text);
  std::map<std::string, std::int64_t, std::less<>> numbers_;
};

// Microseconds as nanoseconds, exactly; digits beyond them are rounded. Nothing if it is no decimal
// number or too large.
std::optional<std::int64_t> exact_nanoseconds(std::string_view microseconds);

// Text that JSON parsers take: what is no UTF-8, and each escaped half of a surrogate pair that
// stands alone, becomes U+FFFD; NaN and Infinity become null; control characters become blanks.
std::string well_formed(std::string_view text);

}  // namespace limelight::profiling
