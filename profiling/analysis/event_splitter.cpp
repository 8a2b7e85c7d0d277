#include "profiling/analysis/event_splitter.hpp"

#include "base/try.hpp"

namespace limelight::profiling {

namespace {

constexpr std::size_t piece_bytes = std::size_t{1} << 18;
constexpr std::size_t most_event_bytes = std::size_t{64} << 20;
constexpr std::size_t most_key_bytes = std::size_t{1} << 20;

bool is_blank(int byte) { return byte == ' ' || byte == '\t' || byte == '\n' || byte == '\r'; }

}  // namespace

Error EventSplitter::broken(const std::string& what) const {
  return {ErrorCode::corrupt, path_.string() + ":" + std::to_string(line_) + ": " + what};
}

int EventSplitter::peek() {
  if (at_ == bytes_.size()) {
    bytes_.resize(piece_bytes);
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
  bool text = false, ended = false;
  to.clear();
  while (!ended) {
    const int byte = peek();
    if (byte < 0) return false;
    // A number or a word ends before the next comma, bracket or blank.
    if (depth == 0 && !text && length > 0 &&
        (byte == ',' || byte == ']' || byte == '}' || is_blank(byte)))
      break;
    take();
    if (++length <= most) to += static_cast<char>(byte);
    if (text) {
      if (byte == '\\') {
        const int escaped = take();
        if (escaped >= 0 && ++length <= most) to += static_cast<char>(escaped);
      } else if (byte == '"') {
        text = false;
        ended = depth == 0;
      }
    } else if (byte == '"') {
      text = true;
    } else if (byte == '{' || byte == '[') {
      ++depth;
    } else if (byte == '}' || byte == ']') {
      ended = depth <= 1;
      if (depth > 0) --depth;
    }
  }
  if (length > most) to.clear();
  return true;
}

Result<EventSplitter> EventSplitter::open(const std::filesystem::path& path) {
  std::error_code failed;
  if (std::filesystem::is_directory(path, failed))
    return Error{ErrorCode::corrupt,
                 path.string() + ": found a folder, expected a trace; name the files in it"};
  auto input = CompressedReader::open(path);
  if (!input) return input.error();
  EventSplitter splitter(path, std::move(input).value());
  LIMELIGHT_TRY(splitter.begin());
  return splitter;
}

Result<void> EventSplitter::begin() {
  if (peek() == 0xef) {  // a byte-order mark, in UTF-8
    for (const int expected : {0xef, 0xbb, 0xbf})
      if (take() != expected) return broken("found no JSON, expected a trace");
  }
  // Perfetto's own format begins with the tag of a packet, which is a line end, and its length.
  bool packet = peek() == 0x0a;
  if (packet) take();
  packet = packet && peek() >= 0 && !is_blank(peek()) && peek() != '{' && peek() != '[';
  const int first = after_blanks();
  if (first < 0 && input_.broken())
    return broken("the compressed data is damaged from its beginning on");
  if (first < 0) return broken("found nothing in the file, expected a trace");
  if (packet) return broken("found what may be a protobuf file, expected a trace in JSON");
  if (first != '{' && first != '[')
    return broken("found no JSON object and no array at the beginning, expected a trace");
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
    while (after_blanks() == ',') take();
    if (peek() < 0) {
      ends_early_ = true;
      place_ = Place::end;
    } else if (peek() == ']') {
      take();
      place_ = is_array_ ? Place::end : Place::keys;
    } else {
      const bool is_object = peek() == '{';
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
  if (input_.broken()) return broken("the compressed data is damaged or ends early");
  return std::optional<std::string_view>();
}

}  // namespace limelight::profiling
