// `limelight doctor`: what this machine has, and what that means for a run.
#pragma once

namespace limelight::cli {

int doctor();

}  // namespace limelight::cli
