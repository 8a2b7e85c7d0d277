// A gzip file that has its name only when it is whole: written under `.<name>.part`, synced, then renamed.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "profiling/result.hpp"

namespace limelight::profiling {

class GzipFile {
 public:
  static Result<GzipFile> create(std::filesystem::path path);
  GzipFile(GzipFile&& other) noexcept;
  GzipFile& operator=(GzipFile&&) = delete;
  ~GzipFile();  // removes the unfinished file unless finish() was called

  Result<void> write(std::string_view text);
  // Compressed size in bytes.
  Result<std::uint64_t> finish();
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  GzipFile(std::filesystem::path path, std::filesystem::path part, int fd);
  Result<void> deflate_into_file(int flush);

  std::filesystem::path path_, part_;
  int fd_ = -1;
  std::unique_ptr<z_stream> stream_;  // on the heap: zlib keeps a pointer to it
  std::vector<unsigned char> out_;
  std::uint64_t written_ = 0;
};

}  // namespace limelight::profiling
