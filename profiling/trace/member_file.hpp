// A compressed file that appears under its name only when it is complete: it is written under
// `.<name>.part`, synced, then renamed.
//
// The file consists of members. Each is a complete gzip stream (RFC 1952, 2.2) or zstd frame
// (RFC 8878, 3.1), and decompressors read a sequence of them as one text; so after a kill all
// members but the unfinished one can be read. The file name selects the format: .zst is zstd, any
// other ending is gzip. A file is used by one thread at a time.
//
// The unfinished name appears together with the first member, where the file system knows files
// without a name (O_TMPFILE); so whatever a kill leaves under that name can be read, and an empty
// file is never left. Elsewhere (NFS) the name is there a moment earlier than the first bytes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <limelight/result.hpp>
#include <memory>
#include <string>
#include <string_view>

namespace limelight::profiling {

// Compresses text into members, one after another.
class MemberCompressor {
 public:
  virtual ~MemberCompressor() = default;
  virtual void add(std::string_view text) = 0;
  // Ends the member and returns all of its bytes, which are valid until the next call.
  virtual std::string_view finish() = 0;
};
std::unique_ptr<MemberCompressor> make_compressor(const std::filesystem::path& name);

class MemberFile {
 public:
  static constexpr std::size_t member_bytes = std::size_t{1} << 20;  // bytes of text in a member;
                                                                     // small members compress worse

  // Errors: io.
  static Result<MemberFile> create(std::filesystem::path path);
  MemberFile(MemberFile&& other) noexcept;
  MemberFile& operator=(MemberFile&&) = delete;
  ~MemberFile();  // removes the unfinished file unless finish() was called

  // Compresses `text`, and writes the member to the file once it holds member_bytes of text. The
  // text of one call is never split between members. Errors: io.
  Result<void> write(std::string_view text);
  // Writes the unfinished member, if it has any text. From then on its text survives a kill.
  // Errors: io.
  Result<void> end_member();
  std::uint64_t written() const noexcept { return written_; }  // bytes in the file so far
  // Writes the last member, syncs and renames the file, and returns its size in bytes. Errors: io.
  Result<std::uint64_t> finish();
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  MemberFile(std::filesystem::path path, std::filesystem::path part, int fd, bool named);
  Result<void> give_name();

  std::filesystem::path path_, part_;
  int fd_ = -1;
  bool named_ = false;  // the file stands in its folder, under the unfinished name
  std::unique_ptr<MemberCompressor> compressor_;
  std::size_t text_bytes_ = 0;  // of the unfinished member
  std::uint64_t written_ = 0;
};

// part_of: the name under which the file at `path` is written until it is complete. whole_of: the
// inverse; it returns an empty path for a name that is not of this form.
std::filesystem::path part_of(const std::filesystem::path& path);
std::filesystem::path whole_of(const std::filesystem::path& part);

}  // namespace limelight::profiling
