#include "profiling/analysis/perfetto_words.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <optional>
#include <vector>

#include "profiling/analysis/any_event.hpp"
#include "profiling/analysis/json_text.hpp"
#include "profiling/trace/json_writer.hpp"
#include "profiling/trace/perfetto_fields.hpp"

namespace limelight::profiling {

namespace field = perfetto_field;
namespace {

// Values in values: deeper ones are left out, as no reader shows them.
constexpr int most_depth = 32;

std::string real_json(double value) {
  if (!std::isfinite(value)) return "null";
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

// JSON in a text, as its writers say. In one line, since events are lines.
std::string json_of_json(std::string_view text) {
  std::string value = is_json(text) ? std::string(text) : well_formed(text);
  if (!is_json(value)) return json_string(text);
  std::replace_if(
      value.begin(), value.end(), [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
  return value;
}

std::string pointer_json(std::uint64_t value) {
  char text[20] = "0x";
  return json_string(
      {text, static_cast<std::size_t>(std::to_chars(text + 2, text + sizeof text, value, 16).ptr -
                                      text)});
}

void add_member(std::string_view name, std::string_view value, std::string& to) {
  if (!to.empty() && to.back() != '{') to += ',';
  to.append(json_string(name)).append(":").append(value);
}

std::string name_of_annotation(PacketFields annotation, const PerfettoWords& words) {
  std::string name;
  while (annotation.next())
    if (annotation.tag() == field::plain_name) name = annotation.text();
    else if (annotation.tag() == field::name_of) {
      const std::string* known = words.text(PerfettoWords::annotation_names, annotation.number());
      name = known != nullptr ? *known : "(unknown)";
    } else {
      annotation.skip();
    }
  return name;
}

std::string nested_value(PacketFields value, int depth) {
  std::vector<std::string_view> keys;
  std::string object, array;
  std::optional<std::string> plain;
  bool is_object = false;
  std::size_t at = 0;
  while (value.next()) switch (value.tag()) {
      case field::nested_keys: keys.push_back(value.text()); break;
      case field::nested_values: {
        const PacketFields inner = value.message();
        is_object = true;
        if (depth < most_depth && at < keys.size())
          add_member(keys[at], nested_value(inner, depth + 1), object);
        ++at;
        break;
      }
      case field::nested_array: {
        const PacketFields inner = value.message();
        if (depth < most_depth)
          array.append(array.empty() ? "" : ",").append(nested_value(inner, depth + 1));
        break;
      }
      case field::nested_whole: plain = std::to_string(value.whole()); break;
      case field::nested_real: plain = real_json(value.real()); break;
      case field::nested_boolean: plain = value.flag() ? "true" : "false"; break;
      case field::nested_text: plain = json_string(value.text()); break;
      default: value.skip();
    }
  if (is_object) return "{" + object + "}";
  if (plain) return *plain;
  return "[" + array + "]";
}

std::string value_of(PacketFields annotation, const PerfettoWords& words, int depth) {
  std::optional<std::string> plain;
  std::string object, array;
  bool is_array = false;
  while (annotation.next()) switch (annotation.tag()) {
      case field::boolean: plain = annotation.flag() ? "true" : "false"; break;
      case field::whole: plain = std::to_string(annotation.number()); break;
      case field::negative: plain = std::to_string(annotation.whole()); break;
      case field::real: plain = real_json(annotation.real()); break;
      case field::string: plain = json_string(annotation.text()); break;
      case field::pointer: plain = pointer_json(annotation.number()); break;
      case field::nested: plain = nested_value(annotation.message(), depth + 1); break;
      case field::json: plain = json_of_json(annotation.text()); break;
      case field::text_number: {
        const std::string* text = words.text(PerfettoWords::annotation_texts, annotation.number());
        plain = text != nullptr ? json_string(*text) : "null";
        break;
      }
      case field::entries: {
        const PacketFields inner = annotation.message();
        if (depth < most_depth)
          add_member(name_of_annotation(inner, words), value_of(inner, words, depth + 1), object);
        break;
      }
      case field::array: {
        const PacketFields inner = annotation.message();
        if (depth < most_depth)
          array.append(is_array ? "," : "").append(value_of(inner, words, depth + 1));
        is_array = true;
        break;
      }
      default: annotation.skip();
    }
  if (plain) return *plain;
  if (!object.empty()) return "{" + object + "}";
  return "[" + array + "]";
}

}  // namespace

void PerfettoWords::add(PacketFields interned) {
  const auto text = [this](Kind kind, PacketFields entry) {
    std::uint64_t number = 0;
    std::string_view value;
    while (entry.next())
      if (entry.tag() == field::number) number = entry.number();
      else if (entry.tag() == field::text) value = entry.text();
      else entry.skip();
    bytes_ += value.size() + sizeof(std::string) + 32;
    texts_[kind].insert_or_assign(number, std::string(value));
  };
  // Of a frame its function, of a stack its last frame.
  const auto reference = [this](std::unordered_map<std::uint64_t, std::uint64_t>& to,
                                std::uint32_t tag, PacketFields entry) {
    std::uint64_t number = 0, of = 0;
    while (entry.next())
      if (entry.tag() == field::number) number = entry.number();
      else if (entry.tag() == tag) of = entry.number();
      else entry.skip();
    bytes_ += 48;
    to.insert_or_assign(number, of);
  };
  while (interned.next()) switch (interned.tag()) {
      case field::categories: text(categories, interned.message()); break;
      case field::names: text(names, interned.message()); break;
      case field::annotation_names: text(annotation_names, interned.message()); break;
      case field::annotation_texts: text(annotation_texts, interned.message()); break;
      case field::functions: text(functions, interned.message()); break;
      case field::frames: reference(frames_, field::function_of, interned.message()); break;
      case field::callstacks: reference(innermost_, field::frames_of, interned.message()); break;
      default: interned.skip();
    }
}

void PerfettoWords::clear() {
  for (auto& one : texts_) one.clear();
  frames_.clear();
  innermost_.clear();
  bytes_ = 0;
}

const std::string* PerfettoWords::text(Kind kind, std::uint64_t number) const {
  const auto at = texts_[kind].find(number);
  return at == texts_[kind].end() ? nullptr : &at->second;
}

const std::string* PerfettoWords::function_of_stack(std::uint64_t number) const {
  const auto frame = innermost_.find(number);
  if (frame == innermost_.end()) return nullptr;
  const auto function = frames_.find(frame->second);
  return function == frames_.end() ? nullptr : text(functions, function->second);
}

PerfettoAnnotation read_annotation(PacketFields annotation, const PerfettoWords& words) {
  return {.name = name_of_annotation(annotation, words), .value = value_of(annotation, words, 0)};
}

void add_annotation(PacketFields annotation, const PerfettoWords& words, std::string& to) {
  const PerfettoAnnotation one = read_annotation(annotation, words);
  add_member(one.name, one.value, to);
}

}  // namespace limelight::profiling
