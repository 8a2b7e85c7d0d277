// Sorts any number of records in bounded memory: what exceeds the limit goes to files without a
// name in the folder for temporary files, sorted run by run, and is merged when it is read.
//
// Records that compare equal keep their order. Record: trivially copyable. One thread uses an
// object.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdio>
#include <limelight/result.hpp>
#include <memory>
#include <optional>
#include <type_traits>
#include <vector>

namespace limelight::profiling {

template <class Record, class Before>
class SpilledSort {
  static_assert(std::is_trivially_copyable_v<Record>);

 public:
  static constexpr std::size_t default_bytes = std::size_t{24} << 20;
  explicit SpilledSort(std::size_t most_bytes = default_bytes)
      : most_(std::max<std::size_t>(most_bytes / sizeof(Record), 2)) {}

  // Errors: io (the folder for temporary files is full or cannot be written).
  Result<void> add(const Record& record) {
    if (held_.size() == most_) {
      auto spilled = spill();
      if (!spilled) return spilled.error();
    }
    held_.push_back(record);
    return {};
  }

  // Calls visit(record) for all records in their order, and is empty then. Errors: io.
  template <class Visit>
  Result<void> finish(Visit visit) {
    std::stable_sort(held_.begin(), held_.end(), Before());
    std::vector<Source> sources;
    // A run is read in pieces that together need no more memory than the records did.
    const std::size_t piece = std::max<std::size_t>(most_ / 2 / (runs_.size() + 1), 64);
    for (auto& run : runs_) {
      std::rewind(run.get());
      sources.push_back({run.get(), {}, 0, piece, false});
    }
    std::size_t own = 0;
    for (;;) {
      // The first of equals is that of the earliest run; what is held is the latest.
      const Record* next = nullptr;
      Source* of = nullptr;
      for (Source& source : sources)
        if (const Record* front = source.front(); front && (!next || Before()(*front, *next))) {
          next = front;
          of = &source;
        }
      if (own < held_.size() && (!next || Before()(held_[own], *next))) {
        next = &held_[own];
        of = nullptr;
      }
      if (next == nullptr) break;
      visit(*next);
      of != nullptr ? void(++of->at) : void(++own);
    }
    const bool failed = std::any_of(runs_.begin(), runs_.end(),
                                    [](const auto& run) { return std::ferror(run.get()) != 0; });
    held_.clear();
    runs_.clear();
    if (failed) return Error{ErrorCode::io, "cannot read a temporary file back"};
    return {};
  }

 private:
  struct Close {
    void operator()(std::FILE* file) const { std::fclose(file); }
  };
  struct Source {
    std::FILE* file;
    std::vector<Record> records;
    std::size_t at, piece;
    bool ended = false;
    const Record* front() {
      if (at == records.size() && !ended) {
        records.resize(piece);
        records.resize(std::fread(records.data(), sizeof(Record), piece, file));
        at = 0;
        ended = records.empty();
      }
      return at < records.size() ? &records[at] : nullptr;
    }
  };

  Result<void> spill() {
    std::unique_ptr<std::FILE, Close> run(std::tmpfile());
    std::stable_sort(held_.begin(), held_.end(), Before());
    if (!run ||
        std::fwrite(held_.data(), sizeof(Record), held_.size(), run.get()) != held_.size() ||
        std::fflush(run.get()) != 0)
      return Error{ErrorCode::io,
                   "cannot write to a temporary file, which a trace of this size needs"};
    runs_.push_back(std::move(run));
    held_.clear();
    return {};
  }

  std::size_t most_;
  std::vector<Record> held_;
  std::vector<std::unique_ptr<std::FILE, Close>> runs_;
};

}  // namespace limelight::profiling
