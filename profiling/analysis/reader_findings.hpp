// What keeps a program from reading a trace, or makes it lose a part: collected, with the first
// line of each kind and how often it occurs. One thread uses an object.
//
// What the programs do was tried on files with one fault each: Perfetto's trace processor of v52,
// HolisticTraceAnalysis 0.5, and, by their sources, the trace viewer of Chrome and speedscope.
#pragma once

#include <array>
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <vector>

namespace limelight::profiling {

// The programs, as bits. `limelight`: what a trace of ours must have beside what they ask for.
enum Program : unsigned {
  perfetto = 1,
  chrome = 2,
  hta = 4,
  speedscope = 8,
  limelight_itself = 16,
  all_programs = 15
};
inline constexpr std::array<std::pair<Program, const char*>, 5> program_names{
    {{perfetto, "Perfetto"},
     {chrome, "chrome://tracing"},
     {hta, "HolisticTraceAnalysis"},
     {speedscope, "speedscope"},
     {limelight_itself, "Limelight"}}};

class ReaderFindings {
 public:
  enum class Effect { loses, refuses };
  struct Finding {
    unsigned programs;
    Effect effect;
    std::size_t line;  // the first; 0: the whole file
    std::string what;
    std::uint64_t times;
  };

  // what: a sentence that is the same for all occurrences. first: what is added to the first one.
  void add(unsigned programs,
           Effect effect,
           std::size_t line,
           const std::string& what,
           const std::string& first = {});
  // In the order of their first occurrences.
  const std::vector<Finding>& all() const noexcept { return findings_; }
  // Such as "a.json:12: key 'pid': found a text, ... (speedscope refuses the file); 3 more like
  // it".
  static std::string text(const Finding& finding, const std::filesystem::path& file);

 private:
  std::vector<Finding> findings_;
  std::map<std::string, std::size_t, std::less<>> known_;
};

}  // namespace limelight::profiling
