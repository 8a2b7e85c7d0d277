#include "profiling/analysis/chrome_trace_reader.hpp"

#include <algorithm>
#include <istream>
#include <streambuf>
#include <vector>

#include "profiling/analysis/compressed_reader.hpp"

namespace limelight::profiling {

using nlohmann::json;

namespace {

class InputBuffer final : public std::streambuf {
 public:
  explicit InputBuffer(CompressedReader input) : input_(std::move(input)), bytes_(256 * 1024) {}
  std::size_t line() {
    count_to(gptr());
    return lines_ + 1;
  }
  bool broken() const { return input_.broken(); }
  std::string head;

 private:
  int_type underflow() override {
    count_to(egptr());
    const std::size_t n = input_.read(bytes_.data(), bytes_.size());
    if (n == 0) {
      setg(nullptr, nullptr, nullptr);
      counted_to_ = nullptr;
      return traits_type::eof();
    }
    if (head.size() < 64 * 1024)
      head.append(bytes_.data(), std::min<std::size_t>(n, 64 * 1024 - head.size()));
    setg(bytes_.data(), bytes_.data(), bytes_.data() + n);
    counted_to_ = bytes_.data();
    return traits_type::to_int_type(*gptr());
  }
  CompressedReader input_;
  std::vector<char> bytes_;
  // Counts the lines of the buffer up to `end`.
  void count_to(const char* end) {
    lines_ += static_cast<std::size_t>(std::count(counted_to_, end, '\n'));
    counted_to_ = end;
  }
  std::size_t lines_ = 0;
  const char* counted_to_ = nullptr;
};

}  // namespace

Result<TraceHead> read_chrome_trace(const std::filesystem::path& path,
                                    const std::function<void(const json&, std::size_t)>& on_event) {
  auto input = CompressedReader::open(path);
  if (!input) return input.error();
  InputBuffer buffer(std::move(input).value());
  std::istream in(&buffer);
  std::string key;
  std::size_t wrong_line = 0;
  std::string wrong;
  // Each event is passed on when it ends and removed from the tree that the parser builds, so the
  // tree stays as small as the head.
  const json::parser_callback_t visit = [&](int depth, json::parse_event_t what, json& value) {
    if (what == json::parse_event_t::key && depth == 1) key = value.get<std::string>();
    if (key != "traceEvents" || depth != 2 || what == json::parse_event_t::key) return true;
    if (what == json::parse_event_t::object_end) on_event(value, buffer.line());
    return what == json::parse_event_t::object_start;
  };
  TraceHead head;
  try {
    head.keys = json::parse(in, visit);
  } catch (const json::exception& broken) {
    wrong = broken.what();
    wrong_line = buffer.line();
  }
  head.text = std::move(buffer.head);
  if (buffer.broken())
    return Error{ErrorCode::corrupt,
                 path.string() + ": the compressed data is damaged or ends early"};
  if (!wrong.empty())
    return Error{ErrorCode::corrupt,
                 path.string() + ":" + std::to_string(wrong_line) + ": " + wrong};
  if (!head.keys.is_object())
    return Error{ErrorCode::corrupt,
                 path.string() + ": found no JSON object at the top level, expected one"};
  return head;
}

}  // namespace limelight::profiling
