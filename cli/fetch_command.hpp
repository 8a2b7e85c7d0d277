// `limelight fetch`: brings a published model into the cache, whole and as it is known, or not at
// all.
#pragma once

#include <string>

namespace limelight::cli {

// model: a name of known_models(). Returns the exit code: 0 there now, 1 it could not be brought, 2
// no such model.
int fetch(const std::string& model);
// Names, with a comma between them.
std::string known_models();

}  // namespace limelight::cli
