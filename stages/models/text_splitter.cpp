#include "stages/models/text_splitter.hpp"

#include <algorithm>

#include "base/try.hpp"
#include "stages/models/characters.hpp"
#include "stages/models/oniguruma.hpp"

namespace limelight::stages {

namespace {

using Behavior = SplitStep::Behavior;
using Prepend = SplitStep::Prepend;

struct Range {
  std::size_t begin, end;
  bool match;
};

// The ranges of a text, matches and what lies between them.
std::vector<Range> ranges_of(const std::string& text, const Regex& regex, bool invert) {
  std::vector<Range> ranges;
  std::size_t at = 0;
  regex.for_each_match(text, [&](std::size_t begin, std::size_t end) {
    if (begin > at) ranges.push_back({at, begin, invert});
    ranges.push_back({begin, end, !invert});
    at = end;
  });
  if (at < text.size()) ranges.push_back({at, text.size(), invert});
  return ranges;
}

// A match joins the range before it, unless that is a match itself.
void merge_with_previous(std::vector<Range>& ranges) {
  std::vector<Range> merged;
  bool after_match = false;
  for (const Range& range : ranges) {
    if (range.match && !after_match && !merged.empty()) merged.back().end = range.end;
    else merged.push_back(range);
    after_match = range.match;
  }
  ranges = std::move(merged);
}

void merge_with_next(std::vector<Range>& ranges) {
  std::vector<Range> merged;  // from the last one to the first
  bool before_match = false;
  for (std::size_t i = ranges.size(); i-- > 0;) {
    const Range& range = ranges[i];
    if (range.match && !before_match && !merged.empty()) merged.back().begin = range.begin;
    else merged.push_back(range);
    before_match = range.match;
  }
  ranges.assign(merged.rbegin(), merged.rend());
}

void merge_alike(std::vector<Range>& ranges) {
  std::vector<Range> merged;
  for (const Range& range : ranges)
    if (!merged.empty() && merged.back().match == range.match) merged.back().end = range.end;
    else merged.push_back(range);
  ranges = std::move(merged);
}

// Whether the first of the pieces begins where the text does.
bool split(const std::string& text,
           const Regex& regex,
           Behavior behavior,
           bool invert,
           std::vector<std::string>& pieces) {
  std::vector<Range> ranges = ranges_of(text, regex, invert);
  switch (behavior) {
    case Behavior::removed:
      std::erase_if(ranges, [](const Range& range) { return range.match; });
      break;
    case Behavior::isolated: break;
    case Behavior::merged_with_previous: merge_with_previous(ranges); break;
    case Behavior::merged_with_next: merge_with_next(ranges); break;
    case Behavior::contiguous: merge_alike(ranges); break;
  }
  for (const Range& range : ranges)
    if (range.end > range.begin)
      pieces.push_back(text.substr(range.begin, range.end - range.begin));
  return !ranges.empty() && ranges.front().begin == 0;
}

std::string with_blanks_as(const SplitStep& step, const std::string& text, bool first) {
  std::string out = replaced(text, " ", step.replacement);
  const bool prepends =
      step.prepend == Prepend::always || (step.prepend == Prepend::first && first);
  if (prepends && !out.starts_with(step.replacement)) out.insert(0, step.replacement);
  return out;
}

}  // namespace

Result<TextSplitter> TextSplitter::make(const std::vector<SplitStep>& steps) {
  TextSplitter made;
  for (const SplitStep& step : steps) {
    made.steps_.push_back({step, {}});
    if (step.kind == SplitStep::Kind::prefix_space) continue;
    const bool blanks = step.kind == SplitStep::Kind::metaspace;
    auto pattern = blanks                  ? escaped(step.replacement)
                   : step.pattern_is_ready ? Result<std::string>(step.pattern)
                                           : pattern_of_oniguruma(step.pattern);
    if (!pattern)
      return Error{pattern.error().code, "the pre-tokenizer: " + pattern.error().message};
    auto regex = Regex::compile(*pattern);
    if (!regex) return Error{regex.error().code, "the pre-tokenizer: " + regex.error().message};
    made.steps_.back().regex = std::move(regex).value();
  }
  return made;
}

std::vector<std::string> TextSplitter::operator()(std::string text, bool first) const {
  std::vector<std::string> pieces, finer;
  pieces.push_back(std::move(text));
  for (const auto& [step, regex] : steps_) {
    finer.clear();
    bool at_first = first;  // the piece stands at the beginning of the whole
    for (std::string& piece : pieces) {
      switch (step.kind) {
        case SplitStep::Kind::pattern:
          if (!split(piece, *regex, step.behavior, step.invert, finer) && at_first) first = false;
          break;
        case SplitStep::Kind::metaspace: {
          std::string spaced = with_blanks_as(step, piece, at_first);
          if (step.split) split(spaced, *regex, Behavior::merged_with_next, false, finer);
          else finer.push_back(std::move(spaced));
          break;
        }
        case SplitStep::Kind::prefix_space:
          if (!piece.empty() && piece.front() != ' ') piece.insert(0, 1, ' ');
          finer.push_back(std::move(piece));
          break;
      }
      at_first = false;
    }
    pieces.swap(finer);
  }
  return pieces;
}

}  // namespace limelight::stages
