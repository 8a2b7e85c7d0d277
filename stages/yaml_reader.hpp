// Reads values of a YAML file, and refuses them by file, line and key. The reader of the config and
// the check of its graph use it. It throws Refusal, which only parse() catches.
#pragma once

#include <yaml-cpp/yaml.h>

#include <concepts>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/whole_number.hpp"

namespace limelight::stages {

// An internal exception: nested parsers throw it to abort, and parse() catches it. An empty text
// means that the file cannot be read.
struct Refusal {
  std::string text;
};

struct YamlReader {
  std::string file;
  // Where each line comes from, if the text was made from other files: errors name that.
  std::vector<std::string> places = {};

  std::string place(const YAML::Mark& mark) const {
    const int line = mark.is_null() ? 0 : mark.line;
    if (static_cast<std::size_t>(line) < places.size())
      return places[static_cast<std::size_t>(line)];
    return file + ":" + std::to_string(line + 1);
  }
  [[noreturn]] void refuse(const YAML::Node& at,
                           const std::string& key,
                           const std::string& found,
                           const std::string& expected) const {
    throw Refusal{place(at.Mark()) + ": key '" + key + "': found " + found + ", expected " +
                  expected};
  }
  static std::string show(const YAML::Node& node) {
    if (node.IsScalar()) return "'" + node.Scalar() + "'";
    return node.IsSequence() ? "a list" : node.IsMap() ? "a map" : "nothing";
  }

  template <class T>
  T as(const YAML::Node& node, const std::string& key, const char* expected) const {
    if constexpr (std::integral<T> && !std::same_as<T, bool>) {
      // yaml-cpp reads 010 in base 8, as YAML 1.1 has it; who writes it means something else.
      const std::string& text = node.IsScalar() ? node.Scalar() : std::string();
      const std::size_t digits = text.starts_with('-') ? 1 : 0;
      const bool octal = text.size() > digits + 1 && text[digits] == '0';
      if (const auto number = whole_number<T>(text); number && !octal) return *number;
    } else {
      try {
        if (node.IsScalar()) return node.as<T>();
      } catch (const YAML::Exception&) {}
    }
    refuse(node, key, show(node), expected);
  }
  int positive(const YAML::Node& node, const std::string& key, int most = 1 << 20) const {
    const int value = as<int>(node, key, "a whole number");
    if (value < 1 || value > most)
      refuse(node, key, show(node), "a whole number from 1 to " + std::to_string(most));
    return value;
  }
  std::vector<int> numbers(const YAML::Node& node, const std::string& key) const {
    if (!node.IsSequence()) refuse(node, key, show(node), "a list of whole numbers");
    std::vector<int> out;
    for (const auto& item : node) out.push_back(as<int>(item, key, "a list of whole numbers"));
    return out;
  }

  using Handler = std::function<void(const YAML::Node&, const std::string&)>;
  void map(const YAML::Node& node,
           const std::string& where,
           const std::map<std::string, Handler>& known) const {
    if (!node.IsMap()) refuse(node, where, show(node), "a map");
    for (const auto& item : node) {
      const std::string key = as<std::string>(item.first, where, "a key");
      const auto at = known.find(key);
      if (at == known.end()) {
        std::string all;
        for (const auto& [name, handler] : known) all += (all.empty() ? "" : ", ") + name;
        refuse(item.first, key, "an unknown key in " + where, "one of " + all);
      }
      at->second(item.second, key);
    }
  }
};

}  // namespace limelight::stages
