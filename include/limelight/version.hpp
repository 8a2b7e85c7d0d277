// The version of the library that a program is compiled against. `limelight --version` prints it.
#pragma once

#define LIMELIGHT_VERSION "0.1.0"

namespace limelight {

constexpr const char* version = LIMELIGHT_VERSION;

}  // namespace limelight
