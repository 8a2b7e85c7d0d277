// How much of /dev/shm there is, how much is needed, and how it is taken so that a full /dev/shm is
// an error.
//
// A file there that is only sized has no memory yet: whoever touches a page for which there is no
// room is killed by SIGBUS. So everything that Limelight puts into /dev/shm is allocated when it is
// made (posix_fallocate), before anybody maps it; from then on no access to it can fail. A pipeline
// asks for room for all of its parts together before it makes the first (shm_has_room). Allocating
// may still fail after that, when somebody else took the room meanwhile. Any process and thread may
// call these functions; nothing is kept.
#pragma once

#include <cstdint>
#include <limelight/result.hpp>
#include <string>
#include <vector>

namespace limelight {

// One part of what is needed, named as a person would: "the pools of the channels".
struct ShmNeed {
  std::string what;
  std::uint64_t bytes = 0;
};

struct ShmRange {
  std::uint64_t offset = 0, bytes = 0;
};

// What may still be allocated in /dev/shm; 0 where there is none.
std::uint64_t shm_free() noexcept;

// Errors: unavailable, with what is needed, by parts, what is free, and what to do about it.
Result<void> shm_has_room(const std::vector<ShmNeed>& needs);

// Allocates these parts of a file of /dev/shm that is `size` bytes long then; all of it when no
// ranges are given. what: as in ShmNeed, for the error. Errors: unavailable as above (what was
// allocated by this call stays with the file, whose maker removes it), io.
Result<void> allocate_shm(int fd,
                          std::uint64_t size,
                          const std::vector<ShmRange>& ranges,
                          const std::string& what);

// What the ranges, in ascending order, take in whole pages.
std::uint64_t page_bytes(const std::vector<ShmRange>& ranges) noexcept;
inline std::uint64_t page_bytes(std::uint64_t bytes) noexcept {
  return page_bytes(std::vector<ShmRange>{{0, bytes}});
}

// How many bytes each of `count` equal parts may have: `most` where there is room for that beside
// `reserve`, else what is free divided among them, but never less than `least`.
std::uint64_t shm_share(std::uint64_t free,
                        std::uint64_t reserve,
                        std::uint64_t count,
                        std::uint64_t least,
                        std::uint64_t most) noexcept;

}  // namespace limelight
