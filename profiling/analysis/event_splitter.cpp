#include "profiling/analysis/event_splitter.hpp"

#include <algorithm>

#include "base/try.hpp"

namespace limelight::profiling {

namespace {

constexpr std::size_t asked_bytes = std::size_t{1} << 18;
constexpr std::size_t most_event_bytes = std::size_t{64} << 20;
constexpr std::size_t most_key_bytes = std::size_t{1} << 20;

bool is_blank(int byte) { return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r'; }

// What people give in place of a trace, by its first bytes; nullptr: none of these.
const char* known_kind(std::string_view begin) {
  constexpr std::size_t tar_mark = 257;
  if (begin.size() > tar_mark + 5 && begin.substr(tar_mark, 5) == "ustar")
    return "an archive (tar); unpack it first";
  if (begin.starts_with("PK\x03\x04")) return "an archive (zip); unpack it first";
  if (begin.starts_with("SQLite format 3"))
    return "a database (SQLite), as Nsight Systems and rocprofv3 write; export JSON or pftrace "
           "with their tools";
  if (begin.starts_with("\x7f"
                        "ELF"))
    return "a program";
  if (begin.starts_with("<")) return "HTML or XML";
  if (begin.starts_with("\xff\xfe") || begin.starts_with("\xfe\xff"))
    return "text in UTF-16; convert it to UTF-8";
  if (begin.starts_with("\x1f\x8b")) return "gzip within compressed data; unpack it once";
  return nullptr;
}

}  // namespace

Error EventSplitter::broken(const std::string& what) const {
  return {ErrorCode::corrupt, path_.string() + ":" + std::to_string(line_) + ": " + what};
}

int EventSplitter::peek() {
  if (at_ == bytes_.size()) {
    bytes_.resize(asked_bytes);
    bytes_.resize(input_.read(bytes_.data(), bytes_.size()));
    at_ = 0;
  }
  return at_ < bytes_.size() ? static_cast<unsigned char>(bytes_[at_]) : -1;
}
int EventSplitter::take() {
  const int byte = peek();
  if (byte < 0) return byte;
  ++at_;
  if (byte == '\n') ++line_;
  return byte;
}
int EventSplitter::after_blanks() {
  while (is_blank(peek())) take();
  return peek();
}

bool EventSplitter::read_value(std::string& to, std::size_t most) {
  std::size_t depth = 0, length = 0;
  bool text = false, escaped = false, ended = false;
  to.clear();
  while (!ended) {
    if (peek() < 0) return false;
    const std::string_view rest = std::string_view(bytes_).substr(at_);
    std::size_t n = 0;
    for (; n < rest.size() && !ended; ++n) {
      const char c = rest[n];
      if (escaped) {
        escaped = false;
      } else if (text) {
        if (c == '\\') {
          escaped = true;
        } else if (c == '"') {
          text = false;
          ended = depth == 0;
        }
      } else if (c == '"') {
        text = true;
      } else if (c == '{' || c == '[') {
        ++depth;
      } else if (c == '}' || c == ']') {
        if (depth == 0 && length + n > 0) break;
        ended = depth <= 1;
        if (depth > 0) --depth;
      } else if (depth == 0 && length + n > 0 && (c == ',' || is_blank(c))) {
        break;  // a number or a word ends before the next comma, bracket or blank
      }
    }
    const bool stopped = n < rest.size() && !ended;
    line_ += static_cast<std::size_t>(
        std::count(rest.begin(), rest.begin() + static_cast<std::ptrdiff_t>(n), '\n'));
    length += n;
    if (length <= most) to.append(rest.substr(0, n));
    at_ += n;
    if (stopped) break;
  }
  if (length > most) to.clear();
  return true;
}

Result<void> not_a_file(const std::filesystem::path& path) {
  std::error_code failed;
  if (std::filesystem::is_directory(path, failed))
    return Error{ErrorCode::corrupt,
                 path.string() + ": found a folder, expected a trace; name the files in it"};
  return {};
}

Result<EventSplitter> EventSplitter::open(const std::filesystem::path& path) {
  LIMELIGHT_TRY(not_a_file(path));
  auto input = CompressedReader::open(path);
  if (!input) return input.error();
  return open(path, std::move(input).value());
}

Result<EventSplitter> EventSplitter::open(const std::filesystem::path& path,
                                          CompressedReader input) {
  EventSplitter splitter(path, std::move(input));
  LIMELIGHT_TRY(splitter.begin());
  if (splitter.place_ == Place::keys) {
    const auto more = splitter.next_key();
    if (!more) return more.error();
    splitter.place_ = *more ? Place::events : Place::end;
  }
  if (!splitter.has_events_ && !splitter.input_.broken()) return splitter.no_events();
  return splitter;
}

Error EventSplitter::no_events() const {
  std::string found;
  for (const auto& [key, value] : keys_) {
    if (found.size() > 200) {
      found += ", ...";
      break;
    }
    found += (found.empty() ? "" : ", ") + ("'" + key + "'");
  }
  return {ErrorCode::corrupt,
          path_.string() + ": found " + (found.empty() ? "no key" : "the keys " + found) +
              ", and neither the key 'traceEvents' with an array nor an array of events; expected "
              "a trace in Chrome's format, such as the JSON that PyTorch or Perfetto exports"};
}

Result<void> EventSplitter::begin() {
  if (peek() == 0xef) {  // a byte-order mark, in UTF-8
    for (const int expected : {0xef, 0xbb, 0xbf})
      if (take() != expected) return broken("found no JSON, expected a trace");
    has_mark_ = true;
  }
  const int first = after_blanks();
  if (first < 0 && input_.broken())
    return broken(input_.damage() + "; it begins with nothing that is whole");
  if (first < 0) return broken("found nothing in the file, expected a trace");
  if (const char* what = known_kind(bytes_); what != nullptr && first != '{' && first != '[') {
    std::string found("found ");
    found.append(what).append(", expected a trace in JSON, or in Perfetto's own format");
    return broken(found);
  }
  if (first != '{' && first != '[')
    return broken(
        "found no JSON object and no array at the beginning, expected a trace in JSON, or in "
        "Perfetto's own format");
  take();
  is_array_ = has_events_ = first == '[';
  place_ = is_array_ ? Place::events : Place::keys;
  return {};
}

Result<bool> EventSplitter::next_key() {
  for (std::string key;;) {
    while (after_blanks() == ',') take();
    if (peek() < 0) {
      ends_early_ = true;
      return false;
    }
    if (peek() == '}') return false;
    if (peek() != '"') return broken("found no key, expected one in quotes");
    if (!read_value(key, most_key_bytes)) return broken("the file ends in the middle of a key");
    if (after_blanks() != ':') return broken("found no colon after the key " + key.substr(0, 60));
    take();
    if (after_blanks() == '[' && key == "\"traceEvents\"") {
      take();
      has_events_ = true;
      return true;
    }
    std::string value;
    if (!read_value(value, most_key_bytes)) {
      ends_early_ = true;
      return false;
    }
    if (key.size() > 2) keys_[key.substr(1, key.size() - 2)] = std::move(value);
  }
}

Result<std::optional<std::string_view>> EventSplitter::next() {
  for (;;) {
    if (place_ == Place::end) break;
    if (place_ == Place::keys) {
      const auto more = next_key();
      if (!more) return more.error();
      place_ = *more ? Place::events : Place::end;
      continue;
    }
    while (after_blanks() == ',') {
      take();
      if (after_comma_) ++commas_;
      after_comma_ = true;
    }
    if (peek() < 0) {
      ends_early_ = true;
      place_ = Place::end;
    } else if (peek() == ']') {
      if (after_comma_ && any_) ++commas_;
      take();
      place_ = is_array_ ? Place::end : Place::keys;
    } else {
      const bool is_object = peek() == '{';
      after_comma_ = false;
      any_ = true;
      if (!read_value(event_, most_event_bytes)) {
        ends_early_ = true;
        place_ = Place::end;
      } else if (is_object && !event_.empty()) {
        return std::optional<std::string_view>(event_);
      } else {
        ++strays_;
      }
    }
  }
  // The object form still stands at its bracket.
  if (!is_array_ && peek() == '}') take();
  has_more_ = has_more_ || after_blanks() >= 0;
  if (input_.broken()) {
    damage_ = input_.damage();
    if (!any_) return broken(damage_ + "; found no event before it");
    ends_early_ = true;
  }
  return std::optional<std::string_view>();
}

}  // namespace limelight::profiling
