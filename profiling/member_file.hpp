// A compressed file that has its name only when it is whole: written under `.<name>.part`, synced,
// then renamed.
//
// The unfinished name appears together with the first member, where the file system knows files
// without a name (O_TMPFILE); so whatever a kill leaves under that name can be read, and an empty
// file is never left. Elsewhere (NFS) the name is there a moment earlier than the first bytes.
//
// It grows in members, each a gzip stream (RFC 1952, 2.2) or a zstd frame (RFC 8878, 3.1) of its
// own, which readers take as one; so after a kill all members but the one under way can be read.
// The name's ending says which: .zst, or gzip for any other.
#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "profiling/result.hpp"

namespace limelight::profiling {

// Turns text into one member after the other.
class MemberCompressor {
 public:
  virtual ~MemberCompressor() = default;
  virtual void add(std::string_view text) = 0;
  // Ends the member. All of it; valid until the next call.
  virtual std::string_view finish() = 0;
};
std::unique_ptr<MemberCompressor> make_compressor(const std::filesystem::path& name);

class MemberFile {
 public:
  static constexpr std::size_t member_bytes = std::size_t{1}
                                              << 20;  // of text; smaller members compress worse

  // Errors: io.
  static Result<MemberFile> create(std::filesystem::path path);
  MemberFile(MemberFile&& other) noexcept;
  MemberFile& operator=(MemberFile&&) = delete;
  ~MemberFile();  // removes the unfinished file unless finish() was called

  // Compresses text, and writes a member when there is enough. What is handed over in one call
  // stays in one member.
  Result<void> write(std::string_view text);
  // Writes what there is of a member, if anything: from here on it survives a kill.
  Result<void> end_member();
  std::uint64_t written() const noexcept { return written_; }  // bytes in the file so far
  // Compressed size in bytes.
  Result<std::uint64_t> finish();
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  MemberFile(std::filesystem::path path, std::filesystem::path part, int fd, bool named);
  Result<void> give_name();

  std::filesystem::path path_, part_;
  int fd_ = -1;
  bool named_ = false;  // the file stands in its folder, under the unfinished name
  std::unique_ptr<MemberCompressor> compressor_;
  std::size_t text_bytes_ = 0;  // of the member under way
  std::uint64_t written_ = 0;
};

// The name under which the file at `path` is written until it is whole, and back. The way back
// gives an empty path for any other name.
std::filesystem::path part_of(const std::filesystem::path& path);
std::filesystem::path whole_of(const std::filesystem::path& part);

}  // namespace limelight::profiling
