// The stages of plain.cpp as a library.
#include "tests/plugins/plain.hpp"

LIMELIGHT_PLUGIN(plain_types())
