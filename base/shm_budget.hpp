// Checks the free space in /dev/shm and allocates files there, so that a full /dev/shm gives an
// error instead of a crash.
//
// ftruncate() alone gives such a file no memory: a process that touches a page for which there is
// no space is killed by SIGBUS. Limelight therefore allocates each of its files in /dev/shm with
// posix_fallocate() before any process maps it. Once that has succeeded, no access to the file can
// fail. A pipeline first checks that there is space for all of its files together (shm_has_room).
// An allocation can still fail after that check if another process has used the space meanwhile.
// Any thread may call these functions. They keep no state.
#pragma once

#include <cstdint>
#include <limelight/result.hpp>
#include <string>
#include <vector>

namespace limelight {

// A part of the space that is needed. what: its name in messages, such as "the pools of the
// channels".
struct ShmNeed {
  std::string what;
  std::uint64_t bytes = 0;
};

struct ShmRange {
  std::uint64_t offset = 0, bytes = 0;
};

// Returns the free space in /dev/shm in bytes; 0 if there is no /dev/shm.
std::uint64_t shm_free() noexcept;

// Errors: unavailable (states each need, the free space, and how to get more).
Result<void> shm_has_room(const std::vector<ShmNeed>& needs);

// Sets the size of a file in /dev/shm and allocates these ranges of it, or all of it if `ranges` is
// empty. what: as in ShmNeed, for the error. Errors: unavailable (as for shm_has_room), io. After
// an error the file may be partly allocated; the caller removes it.
Result<void> allocate_shm(int fd,
                          std::uint64_t size,
                          const std::vector<ShmRange>& ranges,
                          const std::string& what);

// Returns the size in bytes of all pages that the ranges touch. ranges: in ascending order.
std::uint64_t page_bytes(const std::vector<ShmRange>& ranges) noexcept;
inline std::uint64_t page_bytes(std::uint64_t bytes) noexcept {
  return page_bytes(std::vector<ShmRange>{{0, bytes}});
}

// Divides the free space, less `reserve`, among `count` equal parts. Returns the bytes of one part,
// at most `most` and at least `least`, even if there is less space than that.
std::uint64_t shm_share(std::uint64_t free,
                        std::uint64_t reserve,
                        std::uint64_t count,
                        std::uint64_t least,
                        std::uint64_t most) noexcept;

}  // namespace limelight
