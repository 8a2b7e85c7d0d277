// `limelight doctor` prints what this machine has, and what it means for a run if something is
// missing.
#pragma once

namespace limelight::cli {

int doctor();  // returns the exit code, always 0

}  // namespace limelight::cli
