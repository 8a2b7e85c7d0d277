// The stages of plain.cpp.
#pragma once

#include <limelight/plugin.hpp>

limelight::stages::PluginTypes plain_types();
