// A file in memory, read-only, as the kernel shares it among all processes that map it.
#pragma once

#include <cstddef>
#include <filesystem>
#include <limelight/result.hpp>
#include <memory>
#include <span>

namespace limelight {

class MappedFile {
 public:
  // Errors: not_found, io; corrupt (empty, or no regular file).
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
