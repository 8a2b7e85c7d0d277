// The stage types that are not built in: those of shared libraries, and those of the program that
// this process runs.
//
// Callable from any thread, but host_types(), which a program calls once at its beginning. A
// library stays loaded until the process ends.
#pragma once

#include <filesystem>
#include <limelight/plugin.hpp>
#include <string>

namespace limelight::stages {

// Makes these the types of this program.
void host_types(PluginTypes types);

// Loads the library, if it is not loaded, and returns its types. Errors: invalid_argument,
// "'library': found <what>, expected <what>".
Result<const PluginTypes*> load_plugin(const std::filesystem::path& library);

// A type of the library, or of this program if `library` is empty. name: empty if there is only
// one. Errors: as load_plugin(); "'model_stage': found <what>, expected <what>".
Result<const PluginType*> find_plugin_type(const std::filesystem::path& library,
                                           const std::string& name);

}  // namespace limelight::stages
