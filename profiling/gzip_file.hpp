// A gzip file that has its name only when it is whole: written under `.<name>.part`, synced, then renamed.
//
// It grows in members, each a gzip stream of its own (RFC 1952, 2.2: readers take them as one), so that after a kill all members but the one under
// way can be read. libdeflate instead of zlib by measurement: `limelight bench profiler`.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "profiling/result.hpp"

struct libdeflate_compressor;

namespace limelight::profiling {

class GzipFile {
 public:
  static constexpr std::size_t member_bytes = std::size_t{1} << 20;  // of text; smaller members compress worse

  static Result<GzipFile> create(std::filesystem::path path);
  GzipFile(GzipFile&& other) noexcept;
  GzipFile& operator=(GzipFile&&) = delete;
  ~GzipFile();  // removes the unfinished file unless finish() was called

  // Collects text and writes a member when there is enough. What is handed over in one call stays in one member.
  Result<void> write(std::string_view text);
  // Writes what was collected, if anything: from here on it survives a kill. fast: less compression, for when time is short.
  Result<void> end_member(bool fast = false);
  std::uint64_t written() const noexcept { return written_; }  // bytes in the file so far
  // Compressed size in bytes.
  Result<std::uint64_t> finish();
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  struct Free {
    void operator()(libdeflate_compressor* compressor) const;
  };
  GzipFile(std::filesystem::path path, std::filesystem::path part, int fd);

  std::filesystem::path path_, part_;
  int fd_ = -1;
  std::unique_ptr<libdeflate_compressor, Free> compressor_, fast_compressor_;
  std::string text_, out_;
  std::uint64_t written_ = 0;
};

// One gzip member of its own.
std::string compress_member(std::string_view text);

// The name under which the file at `path` is written until it is whole, and back. The way back gives an empty path for any other name.
std::filesystem::path part_of(const std::filesystem::path& path);
std::filesystem::path whole_of(const std::filesystem::path& part);

}  // namespace limelight::profiling
