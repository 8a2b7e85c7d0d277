#include "profiling/analysis/sorted_texts.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "base/try.hpp"

namespace limelight::profiling {

namespace {
struct TextHead {  // before each text in the file
  std::int64_t key;
  std::uint64_t size;
};
constexpr std::size_t piece_of_run = std::size_t{1} << 16;
}  // namespace

Result<void> SortedTexts::add(std::int64_t key, std::string_view text) {
  if (!held_.empty() && bytes_.size() + text.size() + held_.size() * sizeof(Held) > most_)
    LIMELIGHT_TRY(spill());
  held_.push_back({key, bytes_.size(), text.size()});
  bytes_ += text;
  return {};
}

void SortedTexts::sort() {
  std::stable_sort(held_.begin(), held_.end(),
                   [](const Held& a, const Held& b) { return a.key < b.key; });
}

Result<void> SortedTexts::spill() {
  const Error full{ErrorCode::io,
                   "cannot write to a temporary file, which a trace of this size needs"};
  if (!file_) file_.reset(std::tmpfile());
  if (!file_) return full;
  sort();
  const std::uint64_t begin = written_;
  for (const Held& one : held_) {
    const TextHead head{one.key, one.size};
    if (std::fwrite(&head, sizeof head, 1, file_.get()) != 1 ||
        std::fwrite(bytes_.data() + one.at, 1, one.size, file_.get()) != one.size)
      return full;
    written_ += sizeof head + one.size;
  }
  runs_.emplace_back(begin, written_);
  held_.clear();
  bytes_.clear();
  return {};
}

Result<void> SortedTexts::finish() {
  if (runs_.empty()) {
    sort();
    return {};
  }
  LIMELIGHT_TRY(spill());
  std::string().swap(bytes_);
  std::vector<Held>().swap(held_);
  if (std::fflush(file_.get()) != 0)
    return Error{ErrorCode::io,
                 "cannot write to a temporary file, which a trace of this size needs"};
  return {};
}

SortedTexts::Cursor::Cursor(const SortedTexts& texts) : texts_(&texts) {
  for (const auto& [begin, end] : texts.runs_)
    runs_.push_back({.at = begin, .end = end, .bytes = {}});
}

// Reads on until so many bytes are there.
Result<void> SortedTexts::Cursor::load(Run& run, std::size_t wanted) {
  if (run.bytes.size() - run.used >= wanted) return {};
  run.bytes.erase(0, run.used);
  run.used = 0;
  const std::size_t before = run.bytes.size();
  const auto more = static_cast<std::size_t>(
      std::min<std::uint64_t>(std::max(wanted - before, piece_of_run), run.end - run.at));
  run.bytes.resize(before + more);
  std::size_t got = 0;
  while (got < more) {
    const ssize_t n = ::pread(::fileno(texts_->file_.get()), run.bytes.data() + before + got,
                              more - got, static_cast<off_t>(run.at + got));
    if (n <= 0) return Error{ErrorCode::io, "cannot read a temporary file back"};
    got += static_cast<std::size_t>(n);
  }
  run.at += more;
  return {};
}

// Finds the key at the run's front.
Result<void> SortedTexts::Cursor::advance(Run& run) {
  run.ended = run.at == run.end && run.used == run.bytes.size();
  if (run.ended) return {};
  TextHead head{};
  LIMELIGHT_TRY(load(run, sizeof head));
  std::memcpy(&head, run.bytes.data() + run.used, sizeof head);
  run.key = head.key;
  return load(run, sizeof head + head.size);
}

Result<bool> SortedTexts::Cursor::next() {
  if (!begun_)
    for (Run& run : runs_) LIMELIGHT_TRY(advance(run));
  begun_ = true;
  if (runs_.empty()) {
    if (held_ == texts_->held_.size()) return false;
    const Held& one = texts_->held_[held_++];
    key_ = one.key;
    text_.assign(texts_->bytes_, one.at, one.size);
    return true;
  }
  Run* first = nullptr;
  for (Run& run : runs_)
    if (!run.ended && (first == nullptr || run.key < first->key)) first = &run;
  if (first == nullptr) return false;
  TextHead head{};
  std::memcpy(&head, first->bytes.data() + first->used, sizeof head);
  key_ = head.key;
  text_.assign(first->bytes, first->used + sizeof head, head.size);
  first->used += sizeof head + head.size;
  LIMELIGHT_TRY(advance(*first));
  return true;
}

}  // namespace limelight::profiling
