#include "profiling/analysis/trace_line_reader.hpp"

#include <charconv>

#include "profiling/analysis/compressed_reader.hpp"

namespace limelight::profiling {

namespace {

// Returns the value after `"key":`: up to the next comma or brace, or the text between the quotes.
// Empty if there is no such key.
std::optional<std::string_view> value_of(std::string_view text, std::string_view quoted_key) {
  const std::size_t at = text.find(quoted_key);
  if (at == std::string_view::npos) return std::nullopt;
  std::string_view rest = text.substr(at + quoted_key.size());
  if (!rest.starts_with(':')) return std::nullopt;
  rest.remove_prefix(1);
  while (rest.starts_with(' ')) rest.remove_prefix(1);
  if (!rest.starts_with('"')) return rest.substr(0, rest.find_first_of(",}]\n"));
  rest.remove_prefix(1);
  for (std::size_t i = 0; i < rest.size(); ++i) {
    if (rest[i] == '\\') ++i;
    else if (rest[i] == '"') return rest.substr(0, i);
  }
  return std::nullopt;
}
template <class Number>
bool to_number(std::optional<std::string_view> text, Number& out) {
  return text && std::from_chars(text->data(), text->data() + text->size(), out).ec == std::errc{};
}
// Parses microseconds with exactly three decimals, such as "123.456".
bool to_ns(std::optional<std::string_view> text, std::int64_t& ns) {
  std::int64_t whole = 0, rest = 0;
  if (!text) return false;
  const std::size_t point = text->find('.');
  if (!to_number(text->substr(0, point), whole)) return false;
  if (point != std::string_view::npos &&
      (text->size() != point + 4 || !to_number(text->substr(point + 1), rest)))
    return false;
  ns = whole * 1000 + rest;
  return true;
}

}  // namespace

std::optional<std::string_view> EventLine::arg(std::string_view key) const {
  const std::size_t args = text.find("\"args\":{");
  if (args == std::string_view::npos) return std::nullopt;
  return value_of(text.substr(args + 8), "\"" + std::string(key) + "\"");
}
std::optional<std::uint64_t> EventLine::number_arg(std::string_view key) const {
  std::uint64_t value = 0;
  return to_number(arg(key), value) ? std::optional(value) : std::nullopt;
}

struct TraceLineReader::State {
  std::filesystem::path path;
  CompressedReader input;
  std::string buffer, own, backend = "shm", groups = "[]";
  std::size_t at = 0, line = 0;
  int rank = 0;
  std::int64_t base_ns = 0;
  bool ended = false;

  State(std::filesystem::path file, CompressedReader text)
      : path(std::move(file)), input(std::move(text)) {}
  // Reads the next line. Returns false at the end, or if the file is damaged.
  bool next_line(std::string_view& text) {
    for (;;) {
      const std::size_t end = buffer.find('\n', at);
      if (end != std::string::npos) {
        text = std::string_view(buffer).substr(at, end - at);
        at = end + 1;
        ++line;
        return true;
      }
      buffer.erase(0, at);
      at = 0;
      const std::size_t old = buffer.size();
      if (old > (std::size_t{16} << 20)) return false;  // no event is that long
      buffer.resize(old + (std::size_t{1} << 18));
      const std::size_t n = input.read(buffer.data() + old, std::size_t{1} << 18);
      buffer.resize(old + n);
      if (n == 0) return false;
    }
  }
  Error broken(const std::string& what) const {
    return {ErrorCode::corrupt, path.string() + ":" + std::to_string(line) + ": " + what};
  }
};

TraceLineReader::TraceLineReader(std::unique_ptr<State> state) : state_(std::move(state)) {}
TraceLineReader::TraceLineReader(TraceLineReader&&) noexcept = default;
TraceLineReader::~TraceLineReader() = default;
int TraceLineReader::rank() const noexcept { return state_->rank; }
std::int64_t TraceLineReader::base_ns() const noexcept { return state_->base_ns; }
const std::filesystem::path& TraceLineReader::path() const noexcept { return state_->path; }
const std::string& TraceLineReader::backend() const noexcept { return state_->backend; }
const std::string& TraceLineReader::groups_json() const noexcept { return state_->groups; }
const std::string& TraceLineReader::own_json() const noexcept { return state_->own; }

Result<TraceLineReader> TraceLineReader::open(const std::filesystem::path& path) {
  auto input = CompressedReader::open(path);
  if (!input) return input.error();
  auto state = std::make_unique<State>(path, std::move(input).value());
  bool has_rank = false, has_base = false;
  // The head has a line for each key and each GPU. What is longer is somebody else's, and is not
  // read to its end to find that out.
  constexpr std::size_t longest_head = 10'000;  // lines
  for (std::string_view text; state->line < longest_head && state->next_line(text);) {
    if (text.starts_with("\"distributedInfo\":"))
      state->backend = value_of(text, "\"backend\"").value_or("shm");
    if (text.starts_with("\"pg_config\":"))
      state->groups = text.substr(text.find('['), text.rfind(']') + 1 - text.find('['));
    if (text.starts_with("\"rank\":"))
      has_rank = to_number(value_of(text, "\"rank\""), state->rank);
    if (text.starts_with("\"baseTimeNanoseconds\":"))
      has_base = to_number(value_of(text, "\"baseTimeNanoseconds\""), state->base_ns);
    if (!text.starts_with("\"traceEvents\":")) continue;
    if (!has_rank || !has_base)
      return state->broken(
          "found no rank or no baseTimeNanoseconds before the events, expected a trace of "
          "Limelight");
    return TraceLineReader(std::move(state));
  }
  return state->broken("found no events, expected a trace of Limelight");
}

Result<std::optional<EventLine>> TraceLineReader::next() {
  State& s = *state_;
  if (s.ended) return std::optional<EventLine>();
  std::string_view text;
  do {
    if (!s.next_line(text)) return s.broken("the file ends in the middle of its events");
  } while (text.empty());
  if (text.starts_with(']')) {
    s.ended = true;
    for (std::string_view tail; s.next_line(tail);) (s.own += tail) += '\n';
    const std::size_t from = s.own.find("{"), to = s.own.rfind("},\n\"traceName\"");
    s.own = from != std::string::npos && to != std::string::npos ? s.own.substr(from, to + 1 - from)
                                                                 : "";
    return std::optional<EventLine>();
  }
  if (text.ends_with(',')) text.remove_suffix(1);
  EventLine event;
  event.text = text;
  const auto phase = value_of(text, "\"ph\""), name = value_of(text, "\"name\"");
  if (!text.starts_with('{') || !text.ends_with('}') || !phase || phase->size() != 1 || !name)
    return s.broken("expected a line with one event, as Limelight writes it");
  event.phase = phase->front();
  event.name = *name;
  event.category = value_of(text, "\"cat\"").value_or("");
  if (!to_number(value_of(text, "\"pid\""), event.pid))
    return s.broken("key 'pid': expected a whole number");
  (void)to_number(value_of(text, "\"tid\""), event.tid);
  (void)to_ns(value_of(text, "\"ts\""), event.begin_ns);
  if (event.phase == 'X' && (!to_ns(value_of(text, "\"ts\""), event.begin_ns) ||
                             !to_ns(value_of(text, "\"dur\""), event.duration_ns)))
    return s.broken("keys 'ts' and 'dur': expected microseconds with three decimals");
  return std::optional(event);
}

}  // namespace limelight::profiling
