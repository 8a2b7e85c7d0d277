// Chooses which of the files that a command was given belong together. All tools take their files
// from here, so all of them show the same.
//
//   given                                     taken
//   one file twice, also by a link or as      once
//   a copy of the same bytes
//   files of several sessions                 those of one: the latest profile; a flight recorder's
//                                             only if there is no profile
//   a merged file, and files of its ranks     the ranks' files
//   files of others that tell no session      all of them
//
// What was not taken is said. Any thread may call the function.
#pragma once

#include <filesystem>
#include <limelight/result.hpp>
#include <memory>
#include <string>
#include <vector>

namespace limelight::profiling {

struct TraceSet {
  std::vector<std::filesystem::path> files;
  std::vector<std::string> notes;  // sentences, such as "shown: session '...' ..."
  // What makes it cheap to read them again, as long as the set lives.
  std::vector<std::shared_ptr<const void>> kept{};
};

// session: take this one; empty: choose. Errors: invalid_argument (no file; no such session, lists
// those that there are), not_found, corrupt (no trace).
Result<TraceSet> choose_traces(const std::vector<std::filesystem::path>& files,
                               const std::string& session = {});

}  // namespace limelight::profiling
