// `limelight fetch` downloads a published model to the cache. The model appears there only when it
// is complete and its SHA-256 is the known one.
#pragma once

#include <string>

namespace limelight::cli {

// model: one of known_models(). Returns the exit code: 0 the model is in the cache, 1 it could not
// be downloaded, 2 unknown name.
int fetch(const std::string& model);
// The names, separated by commas.
std::string known_models();

}  // namespace limelight::cli
