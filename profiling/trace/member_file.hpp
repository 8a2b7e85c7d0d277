// A compressed file that appears under its name only when it is complete: it is written under
// `.<name>.part`, synced, then renamed.
//
// The file consists of members. Each is a complete gzip stream (RFC 1952, 2.2) or zstd frame
// (RFC 8878, 3.1), and decompressors read a sequence of them as one text; so after a kill all
// members but the unfinished one can be read. The file name selects the format: .zst is zstd, any
// other ending is gzip. A file is used by one thread at a time.
//
// A file that must not replace another (Existing::keep) gets a number in its name where both names
// are not free: `a.2.pt.trace.json.gz`. So two sessions of one name keep both of their traces.
//
// Where the disk is full (or a quota, or a limit of file sizes is reached), the members before are
// whole: full() says so, and cut_to() makes room for an end of the text.
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

// What becomes of another file of the same name.
enum class Existing { replace, keep };

class MemberFile {
 public:
  static constexpr std::size_t member_bytes = std::size_t{1} << 20;  // bytes of text in a member;
                                                                     // small members compress worse

  // Errors: io.
  static Result<MemberFile> create(std::filesystem::path path,
                                   Existing existing = Existing::replace);
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
  // The last call failed because there was no room for a member.
  bool full() const noexcept { return full_; }
  // Forgets the unfinished member, and all that was written behind so many bytes: a value that
  // written() had. Errors: io.
  Result<void> cut_to(std::uint64_t bytes);
  // The name that the file has in the end; known once the first member was written.
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  MemberFile(std::filesystem::path path, Existing existing);
  Result<void> open();
  Result<void> give_name();
  Result<void> rename_whole();
  void use_name(int number);
  bool own_name_free() const;

  std::filesystem::path wanted_;  // the path that was asked for
  std::filesystem::path path_, part_;
  Existing existing_;
  int number_ = 1;  // in the name
  int fd_ = -1;
  bool named_ = false;  // the file stands in its folder, under the unfinished name
  bool full_ = false;
  std::unique_ptr<MemberCompressor> compressor_;
  std::size_t text_bytes_ = 0;  // of the unfinished member
  std::uint64_t written_ = 0;
};

// part_of: the name under which the file at `path` is written until it is complete. whole_of: the
// inverse; it returns an empty path for a name that is not of this form.
std::filesystem::path part_of(const std::filesystem::path& path);
std::filesystem::path whole_of(const std::filesystem::path& part);
// The path with a number in its name, for which TensorBoard's readers have a place; 1: itself.
std::filesystem::path numbered(const std::filesystem::path& path, int number);
// Renames a file unless there is one of the new name: then errno is EEXIST.
bool rename_to_free_name(const std::filesystem::path& from, const std::filesystem::path& to);

}  // namespace limelight::profiling
