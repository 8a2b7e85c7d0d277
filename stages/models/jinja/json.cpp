// JSON as Python's json.dumps() writes it, for the filter `tojson`.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>

#include "stages/models/jinja/compare.hpp"
#include "stages/models/jinja/objects.hpp"
#include "stages/models/jinja/printing.hpp"
#include "stages/models/jinja/unicode.hpp"

namespace limelight::stages::jinja {

namespace {

class JsonWriter {
 public:
  JsonWriter(const JsonLayout& layout, Budget& budget) : layout_(layout), budget_(budget) {}

  void write(const Value& value, std::size_t depth) {
    budget_.check_text(out_.size());
    switch (value.kind()) {
      case Kind::none: out_ += "null"; break;
      case Kind::boolean: out_ += value.boolean() ? "true" : "false"; break;
      case Kind::integer: out_ += std::to_string(value.integer()); break;
      case Kind::number: out_ += number(value.number()); break;
      case Kind::string: write_string(value.bytes()); break;
      case Kind::list:
      case Kind::tuple: write_list(value, depth); break;
      case Kind::dict: write_dict(value.dict(), depth); break;
      default:
        if (const auto* big = value.as<BigInteger>()) out_ += big->digits();
        else
          fail("tojson: found a value of type " + std::string(value.type_name()) +
               ", expected none, a boolean, a number, a string, a list or a dict");
    }
  }
  std::string& text() { return out_; }

 private:
  static std::string number(double value) {
    if (std::isnan(value)) return "NaN";
    if (std::isinf(value)) return value > 0 ? "Infinity" : "-Infinity";
    return print_number(value);
  }

  void write_string(std::string_view text) {
    out_ += '"';
    for (std::size_t at = 0; at < text.size();) {
      const std::size_t begin = at;
      const char32_t point = next_point(text, at);
      if (point == '"' || point == '\\') (out_ += '\\') += static_cast<char>(point);
      else if (point == '\n') out_ += "\\n";
      else if (point == '\r') out_ += "\\r";
      else if (point == '\t') out_ += "\\t";
      else if (point == '\f') out_ += "\\f";
      else if (point == '\b') out_ += "\\b";
      else if (point < 0x20) write_escape(point);
      else if (point < 0x7f || !layout_.ascii_only) out_ += text.substr(begin, at - begin);
      else if (point < 0x10000) write_escape(point);
      else {
        write_escape(0xd800 + ((point - 0x10000) >> 10));
        write_escape(0xdc00 + ((point - 0x10000) & 0x3ff));
      }
    }
    out_ += '"';
  }
  void write_escape(char32_t unit) {
    std::array<char, 8> escape{};
    std::snprintf(escape.data(), escape.size(), "\\u%04x", static_cast<unsigned>(unit) & 0xffffu);
    out_ += escape.data();
  }

  void new_line(std::size_t depth) {
    if (!layout_.lines) return;
    out_ += '\n';
    budget_.check_text(out_.size() + depth * layout_.indent.size());
    for (std::size_t i = 0; i < depth; ++i) out_ += layout_.indent;
  }

  void write_list(const Value& list, std::size_t depth) {
    if (list.items().empty()) {
      out_ += "[]";
      return;
    }
    out_ += '[';
    bool first = true;
    for (const Value& item : list.items()) {
      if (!std::exchange(first, false)) out_ += layout_.item_separator;
      new_line(depth + 1);
      write(item, depth + 1);
    }
    new_line(depth);
    out_ += ']';
  }

  void write_dict(const Dict& dict, std::size_t depth) {
    if (dict.size() == 0) {
      out_ += "{}";
      return;
    }
    std::vector<const Dict::Entry*> entries;
    for (const Dict::Entry& entry : dict.entries()) entries.push_back(&entry);
    if (layout_.sort_keys)
      std::stable_sort(entries.begin(), entries.end(),
                       [](const auto* a, const auto* b) { return less(a->first, b->first); });
    out_ += '{';
    bool first = true;
    for (const Dict::Entry* entry : entries) {
      if (!std::exchange(first, false)) out_ += layout_.item_separator;
      new_line(depth + 1);
      write_key(entry->first);
      out_ += layout_.key_separator;
      write(entry->second, depth + 1);
    }
    new_line(depth);
    out_ += '}';
  }

  void write_key(const Value& key) {
    if (key.is(Kind::string)) return write_string(key.bytes());
    if (!key.is(Kind::none) && !key.is_number())
      fail("tojson: found a key of type " + std::string(key.type_name()) +
           ", expected a string, a number, a boolean or none");
    out_ += '"';
    write(key, 0);
    out_ += '"';
  }

  const JsonLayout& layout_;
  Budget& budget_;
  std::string out_;
};

}  // namespace

std::string to_json(const Value& value, const JsonLayout& layout, Budget& budget) {
  budget.copy(value.weight());
  JsonWriter writer(layout, budget);
  writer.write(value, 0);
  budget.text(writer.text().size());
  return std::move(writer.text());
}

}  // namespace limelight::stages::jinja
