// Reads a trace file as text, whatever it is packed in: gzip, zstd, or nothing.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <limelight/result.hpp>
#include <memory>

namespace limelight::profiling {

class TextInput {
 public:
  // Errors: not_found.
  static Result<TextInput> open(const std::filesystem::path& path);
  TextInput(TextInput&&) noexcept;
  ~TextInput();

  // The next bytes, at most `room`; 0 at the end, or where the packing is broken.
  std::size_t read(char* to, std::size_t room);
  // The packing is broken or ends early.
  bool broken() const noexcept;
  // Up to where the file's packing is whole: the end of the last complete member. Known for packed
  // files, after read() gave 0.
  std::uint64_t whole_bytes() const noexcept;
  // Text of the members that are whole; what read() gave beyond that was torn.
  std::uint64_t whole_text() const noexcept;

 private:
  struct State;
  explicit TextInput(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace limelight::profiling
