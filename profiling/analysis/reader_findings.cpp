#include "profiling/analysis/reader_findings.hpp"

namespace limelight::profiling {

void ReaderFindings::add(unsigned programs,
                         Effect effect,
                         std::size_t line,
                         const std::string& what,
                         const std::string& first) {
  const auto [at, fresh] = known_.try_emplace(std::to_string(programs) + what, findings_.size());
  if (fresh) findings_.push_back({programs, effect, line, what + first, 0});
  ++findings_[at->second].times;
}

std::string ReaderFindings::text(const Finding& finding, const std::filesystem::path& file) {
  std::string text = file.string();
  if (finding.line > 0) text += ":" + std::to_string(finding.line);
  text += ": " + finding.what;
  std::string who;
  for (const auto& [program, name] : program_names)
    if ((finding.programs & program) != 0 && program != limelight_itself)
      who += (who.empty() ? "" : ", ") + std::string(name);
  const bool one = who.find(',') == std::string::npos;
  if (!who.empty())
    text += " (" + who +
            (finding.effect == Effect::refuses ? one ? " refuses the file)" : " refuse the file)"
             : one                             ? " loses it)"
                                               : " lose it)");
  if (finding.times > 1) text += "; " + std::to_string(finding.times - 1) + " more like it";
  return text;
}

}  // namespace limelight::profiling
