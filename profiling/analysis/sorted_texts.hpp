// Sorts any number of texts by a number, in bounded memory: what exceeds the limit goes to one file
// without a name in the folder for temporary files, and is merged when it is read. Texts of equal
// numbers keep their order.
//
//   SortedTexts texts;  texts.add(...) ...  texts.finish()   then any number of cursors
//
// One thread fills an object; after finish() several threads may read it, each by its cursor.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <limelight/result.hpp>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace limelight::profiling {

class SortedTexts {
 public:
  static constexpr std::size_t default_bytes = std::size_t{12} << 20;
  explicit SortedTexts(std::size_t most_bytes = default_bytes) : most_(most_bytes) {}

  // Errors: io (the folder for temporary files is full or cannot be written).
  Result<void> add(std::int64_t key, std::string_view text);
  Result<void> finish();

  // Goes over all texts in their order. The object must outlive it.
  class Cursor {
   public:
    explicit Cursor(const SortedTexts& texts);
    // Goes to the next one; false at the end. Errors: io.
    Result<bool> next();
    std::int64_t key() const noexcept { return key_; }
    std::string_view text() const noexcept { return text_; }  // until the next call

   private:
    struct Run {
      std::uint64_t at, end;  // of what is to be read, in the file
      std::string bytes;      // what was read of it
      std::size_t used = 0;
      std::int64_t key = 0;  // of its front
      bool ended = false;
    };
    Result<void> load(Run& run, std::size_t wanted);
    Result<void> advance(Run& run);

    const SortedTexts* texts_;
    std::vector<Run> runs_;
    std::size_t held_ = 0;  // the next of those in memory
    bool begun_ = false;
    std::int64_t key_ = 0;
    std::string text_;
  };

 private:
  struct Held {
    std::int64_t key;
    std::size_t at, size;
  };
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  void sort();
  Result<void> spill();

  std::size_t most_;
  std::string bytes_;
  std::vector<Held> held_;
  std::unique_ptr<std::FILE, Close> file_;
  std::uint64_t written_ = 0;
  std::vector<std::pair<std::uint64_t, std::uint64_t>> runs_;  // in the file
};

}  // namespace limelight::profiling
