// The finished traces of a folder. A name comes from its listing, so that no request can name
// another file. Any thread may use it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limelight/result.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace limelight::http {

struct ProfileFile {
  std::string name;
  std::uint64_t bytes = 0;
  std::int64_t modified_s = 0;  // since 1970
};

// Newest first. Only plain files that traces and their tables are named like; none, if there is no
// such folder.
std::vector<ProfileFile> list_profiles(const std::filesystem::path& folder);

// An open file of such a folder, from its beginning to the end that it had when it was opened.
class OpenProfile {
 public:
  // Errors: not_found (list_profiles() has no such name).
  static Result<OpenProfile> open(const std::filesystem::path& folder, std::string_view name);
  std::uint64_t bytes() const { return bytes_; }
  // The next piece; empty at the end. Errors: io.
  Result<std::string> read(std::size_t most);

 private:
  struct Close {
    void operator()(const int* fd) const;
  };
  OpenProfile(int fd, std::uint64_t bytes);
  std::unique_ptr<int, Close> fd_;
  std::uint64_t bytes_, left_;
};

// "application/gzip" and the like.
const char* profile_type(std::string_view name);

}  // namespace limelight::http
