// A file that is mapped into memory, read-only. All processes that map the file share one copy of
// it in memory.
#pragma once

#include <cstddef>
#include <filesystem>
#include <limelight/result.hpp>
#include <memory>
#include <span>

namespace limelight {

class MappedFile {
 public:
  // Errors: not_found, io, corrupt (the file is empty or not a regular file).
  static Result<std::shared_ptr<const MappedFile>> open(const std::filesystem::path& path);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  std::span<const std::byte> bytes() const noexcept { return bytes_; }
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  MappedFile() = default;
  std::filesystem::path path_;
  std::span<const std::byte> bytes_;
};

}  // namespace limelight
