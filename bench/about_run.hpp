// What a result file says of the machine and the run, so that nobody has to remember it.
#pragma once

#include <string>
#include <vector>

namespace limelight::bench {

// A JSON object: cpu, cores, load (of the last minute, now), version, date, quick, notes.
std::string about_run(bool quick, const std::vector<std::string>& notes = {});

}  // namespace limelight::bench
