#include "profiling/analysis/event_check.hpp"

#include <charconv>

#include "profiling/analysis/json_members.hpp"

namespace limelight::profiling {

namespace {

using Effect = ReaderFindings::Effect;

bool is_text(std::string_view value) { return value.starts_with('"'); }
bool is_whole(std::string_view value) {
  std::int64_t number = 0;
  const auto [end, failed] = std::from_chars(value.data(), value.data() + value.size(), number);
  return failed == std::errc{} && end == value.data() + value.size();
}
bool is_hex(std::string_view text) {
  if (text.starts_with("0x") || text.starts_with("0X")) text.remove_prefix(2);
  return !text.empty() &&
         text.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

class EventCheck {
 public:
  EventCheck(std::size_t line, bool own, ReaderFindings& findings)
      : line_(line), own_(own), findings_(findings) {}

  // reader: has read it.
  void text(const AnyEventReader& reader) {
    const Mended& mended = reader.mended();
    if (reader.fault() == AnyEventReader::Fault::damaged)
      return refuse(all_programs, "found an event that is no JSON");
    if (mended.utf8) refuse(hta, "found a text that is no UTF-8");
    if (mended.controls)
      refuse(chrome | hta | speedscope, "found a control character in a text, expected it escaped");
    if (mended.numbers) refuse(chrome | speedscope, "found NaN or Infinity, which are no JSON");
  }

  void keys(std::string_view object) {
    JsonMembers members(object);
    while (const auto member = members.next()) {
      const std::string_view key = member->key, value = member->value;
      if (key == "ph") phase_ = value;
      else if (key == "name") name_ = value;
      else if (key == "cat") category_ = value;
      else if (key == "pid") pid_ = value;
      else if (key == "tid") tid_ = value;
      else if (key == "ts") begin_ = value;
      else if (key == "dur") duration_ = value;
      else if (key == "id" || key == "id2") id_ = value;
      else if (key == "bp") binding_ = value;
      else if (key == "args") args_ = value;
    }
    const bool known = is_text(phase_) && phase_.size() == 3;
    if (!known)
      return lose(perfetto | chrome | limelight_itself,
                  "key 'ph': expected one letter, the kind of the event");
    letter_ = phase_[1];
    if (!is_text(name_) && letter_ != 'E') {
      if (letter_ == 'X') refuse(hta | limelight_itself, "key 'name': expected a name");
      else if (own_) lose(limelight_itself, "key 'name': expected a name");
    }
    ids();
    times();
    if (letter_ == 'X' && (!is_text(category_) || category_.size() == 2))
      lose(hta | limelight_itself, "key 'cat': expected a category in every slice");
    special();
  }

 private:
  void lose(unsigned programs, const char* what) {
    findings_.add(programs, Effect::loses, line_, what);
  }
  void refuse(unsigned programs, const char* what) {
    findings_.add(programs, Effect::refuses, line_, what);
  }

  void ids() {
    if (!is_whole(pid_))
      refuse(own_ ? speedscope | limelight_itself : unsigned{speedscope},
             "key 'pid': expected a whole number");
    if (letter_ == 'X' && own_ && !is_whole(tid_))
      lose(limelight_itself, "key 'tid': expected a whole number");
    for (const std::string_view id : {pid_, tid_})
      if (is_whole(id)) {
        std::int64_t number = 0;
        std::from_chars(id.data(), id.data() + id.size(), number);
        if (number > UINT32_MAX || number < INT32_MIN)
          lose(perfetto, "keys 'pid' and 'tid': found a number beyond 32 bits, which is cut");
      }
  }

  void times() {
    if (letter_ == 'M') return;
    const bool text = is_text(begin_);
    const auto begin = exact_nanoseconds(without_quotes(begin_));
    if (!begin && (text || begin_ == "null"))
      refuse(all_programs, "key 'ts': expected microseconds");
    else if (!begin) lose(all_programs, "key 'ts': expected microseconds that 64 bits of ns hold");
    else if (text) {
      if (letter_ == 'X') refuse(hta, "key 'ts': found a text, expected a number");
      lose(speedscope | limelight_itself, "key 'ts': found a text, expected a number");
    }
    if (begin && *begin < 0)
      lose(perfetto | limelight_itself,
           "key 'ts': expected microseconds since the base, 0 or more");
    if (letter_ != 'X') return;
    if (duration_.empty())
      return lose(perfetto | hta | speedscope | limelight_itself,
                  "key 'dur': found none, expected microseconds, 0 or more");
    const auto duration = exact_nanoseconds(without_quotes(duration_));
    if (!duration && is_text(duration_))
      refuse(all_programs, "key 'dur': expected microseconds, 0 or more");
    else if (is_text(duration_)) {
      refuse(hta, "key 'dur': found a text, expected a number");
    } else if (!duration || *duration < 0 || (begin && *begin > INT64_MAX - *duration)) {
      lose(all_programs | limelight_itself, "key 'dur': expected microseconds, 0 or more");
    }
  }

  void special() {
    switch (letter_) {
      case 's':
      case 't':
      case 'f':
        if (id_.empty()) lose(all_programs, "key 'id': found none, expected one in a flow event");
        else if (is_text(id_) && !is_hex(without_quotes(id_)))
          lose(perfetto, "key 'id': expected a number, or a text of hexadecimal digits, in a flow");
        if (own_ && letter_ == 'f' && binding_ != "\"e\"")
          lose(limelight_itself, "key 'bp': expected \"e\" in the end of a flow");
        break;
      case 'b':
      case 'e':
      case 'n':
      case 'S':
      case 'F':
        if (id_.empty()) lose(all_programs, "key 'id': found none, expected one in a span");
        break;
      case 'B':
      case 'E':
        lose(hta, "found pairs of begin and end, of which HolisticTraceAnalysis reads none");
        break;
      case 'C': {
        JsonMembers values(args_);
        while (const auto value = values.next())
          if (is_text(value->value))
            lose(perfetto, "key 'args': found a text in a counter, expected numbers");
        break;
      }
      default: break;
    }
  }

  std::size_t line_;
  bool own_;
  ReaderFindings& findings_;
  std::string_view phase_, name_, category_, pid_, tid_, begin_, duration_, id_, binding_, args_;
  char letter_ = 0;
};

}  // namespace

std::optional<AnyEvent> check_event(std::string_view text,
                                    std::size_t line,
                                    bool own,
                                    AnyEventReader& reader,
                                    ReaderFindings& findings) {
  auto event = reader.read(text);
  EventCheck check(line, own, findings);
  check.text(reader);
  check.keys(text);
  return event;
}

}  // namespace limelight::profiling
