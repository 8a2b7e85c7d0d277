// Reads a trace file as text. It may be compressed by gzip or zstd, or plain. One thread uses an
// object.
//
//   complete member | complete member | torn member
//                                     ^ whole_bytes() in the file, whole_text() in the text
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limelight/result.hpp>
#include <memory>
#include <string>
#include <string_view>

namespace limelight::profiling {

class CompressedReader {
 public:
  // Errors: not_found.
  static Result<CompressedReader> open(const std::filesystem::path& path);
  CompressedReader(CompressedReader&&) noexcept;
  ~CompressedReader();

  // Reads the next bytes, at most `room`. Returns 0 at the end, or where the compressed data is
  // damaged.
  std::size_t read(char* to, std::size_t room);
  // The text's first bytes, which read() returns nevertheless. Before the first read(); the view is
  // valid until then.
  std::string_view peek(std::size_t bytes);
  // True if the compressed data is damaged or ends early.
  bool broken() const noexcept;
  // Where and how, for people, after read() returned 0; empty if it is not broken. Such as "the
  // compressed data ends early, behind byte 1200: what followed is lost".
  std::string damage() const;
  // The end of the last complete member in the file. For compressed files only, after read()
  // returned 0.
  std::uint64_t whole_bytes() const noexcept;
  // The number of bytes of text in the complete members. What read() returned beyond them belongs
  // to the torn one.
  std::uint64_t whole_text() const noexcept;

 private:
  struct State;
  explicit CompressedReader(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace limelight::profiling
