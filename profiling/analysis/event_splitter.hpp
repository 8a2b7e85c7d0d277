// Cuts the text of any Chrome trace into its events, without reading what stands in them. The text
// may be damaged as such files are found: the array form without its end, stray commas, elements
// that are no objects, a byte-order mark. One thread uses an object.
//
//   {"schemaVersion": 1, "traceEvents": [ {...}, {...} ], "displayTimeUnit": "ms"}     object form
//   [ {...}, {...},                                                                    array form
//
// Memory: the longest event, and the top-level keys beside traceEvents, each up to a limit.
#pragma once

#include <cstddef>
#include <filesystem>
#include <limelight/result.hpp>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "profiling/analysis/compressed_reader.hpp"

namespace limelight::profiling {

// An error where a path is that of a folder.
Result<void> not_a_file(const std::filesystem::path& path);

class EventSplitter {
 public:
  // Reads the head, up to the first event. Errors: not_found, corrupt (what the file is in place of
  // a trace).
  static Result<EventSplitter> open(const std::filesystem::path& path);
  // input: stands at the beginning of that file.
  static Result<EventSplitter> open(const std::filesystem::path& path, CompressedReader input);

  // The next event, {...}, valid until the next call; nothing at the end. Errors: corrupt, with
  // file and line.
  Result<std::optional<std::string_view>> next();

  std::size_t line() const noexcept { return line_; }  // in which that event ends, from 1
  // The values of the top-level keys that came so far, as they are in the file. Of a value that is
  // longer than a limit there is nothing.
  const std::map<std::string, std::string, std::less<>>& keys() const noexcept { return keys_; }
  std::size_t strays() const noexcept { return strays_; }  // elements that are no objects
  bool is_array() const noexcept { return is_array_; }     // the array form
  bool has_mark() const noexcept { return has_mark_; }     // a byte-order mark
  std::size_t commas() const noexcept {
    return commas_;
  }                                                         // that have no element before them,
                                                            // or none behind them
  bool ends_early() const noexcept { return ends_early_; }  // no bracket closes what was begun
  bool has_more() const noexcept { return has_more_; }  // text behind its end, which is not read
  // What of the compressed data is lost, for people; empty if nothing is.
  const std::string& damage() const noexcept { return damage_; }
  const std::filesystem::path& path() const noexcept { return path_; }

 private:
  EventSplitter(std::filesystem::path path, CompressedReader input)
      : path_(std::move(path)), input_(std::move(input)) {}
  Error broken(const std::string& what) const;
  int peek();  // the next byte; -1 at the end
  int take();
  int after_blanks();
  // Reads one value, of which the next byte is the first, to its end. Appends it to `to`, up to
  // `most` bytes; whatever is longer is passed over and leaves `to` empty. False: the text ends in
  // it.
  bool read_value(std::string& to, std::size_t most);
  Result<void> begin();
  Error no_events() const;
  Result<bool> next_key();  // up to the events of an object form; false at its end

  std::filesystem::path path_;
  CompressedReader input_;
  std::string bytes_, event_, damage_;
  std::size_t at_ = 0, line_ = 1, strays_ = 0;
  std::map<std::string, std::string, std::less<>> keys_;
  enum class Place { start, keys, events, end } place_ = Place::start;
  bool is_array_ = false, has_events_ = false, ends_early_ = false;
  bool has_more_ = false, has_mark_ = false, after_comma_ = true, any_ = false;
  std::size_t commas_ = 0;
};

}  // namespace limelight::profiling
