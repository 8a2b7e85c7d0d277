// One event of a trace of any program, read leniently: the keys that Chrome's format defines, in
// the types that the tools of this folder compute with.
//
//   key      taken
//   ts, dur  numbers or texts, in microseconds; kept in whole nanoseconds, exactly
//   pid, tid numbers or texts; a text, or a number that is not whole, gets a number of its own
//   name     a text; a number as its text; without one: ""
//   cat      a text
//   others   args, and all that is not listed here, as they are in the text
//
// Source: "Trace Event Format" of the Chromium project. Text that is no JSON because of its
// characters or numbers is read as well_formed() has it. One thread uses an AnyEventReader.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

namespace limelight::profiling {

// Numbers of pids and tids that are texts begin here: no system has so many processes.
inline constexpr std::int64_t first_of_texts = std::int64_t{1} << 40;

struct AnyEvent {
  char phase = 0;
  std::string name, category;
  std::string name_json, category_json;  // as in the text, with quotes; empty if it is no text
  std::int64_t pid = 0, tid = 0;
  std::optional<std::int64_t> begin_ns, duration_ns;
  bool has_times = true;  // false: ts or dur is there and is no number that 64 bits of ns can hold
  bool repaired = false;  // its text was no JSON until well_formed()
  std::string args;       // a JSON object; empty if there is none
  // The other keys as members of a JSON object, `"id":1,"bp":"e"`.
  std::string others;
};

// What well_formed() changed.
struct Mended {
  bool utf8 = false, surrogates = false, controls = false, numbers = false;
};

class AnyEventReader {
 public:
  enum class Fault { none, damaged, no_phase };
  // text: a JSON object. Nothing if it is none, or has no phase of one letter; fault() says which.
  std::optional<AnyEvent> read(std::string_view text);
  Fault fault() const noexcept { return fault_; }
  // What that text needed to become JSON.
  const Mended& mended() const noexcept { return mended_; }
  // What a pid or tid stood for that is no whole number; empty for the others.
  std::string text_of(std::int64_t id) const;

 private:
  std::int64_t number_of(const std::string& text);
  std::map<std::string, std::int64_t, std::less<>> numbers_;
  Fault fault_ = Fault::none;
  Mended mended_;
};

// Microseconds as nanoseconds, exactly; digits beyond them are rounded. Nothing if it is no decimal
// number or too large.
std::optional<std::int64_t> exact_nanoseconds(std::string_view microseconds);

// Text that JSON parsers take: what is no UTF-8, and each escaped half of a surrogate pair that
// stands alone, becomes U+FFFD; NaN and Infinity become null; control characters become blanks.
std::string well_formed(std::string_view text, Mended* mended = nullptr);

}  // namespace limelight::profiling
