#include "profiling/trace/stack_tree.hpp"

#include <algorithm>

#include "profiling/trace/json_writer.hpp"

namespace limelight::profiling {

std::uint32_t StackTree::callee(std::uint32_t caller, std::string_view function) {
  const auto [at, fresh] = numbers_.try_emplace({caller, std::string(function)},
                                                static_cast<std::uint32_t>(nodes_.size()));
  if (fresh) nodes_.push_back({caller, std::string(function)});
  return at->second;
}

std::vector<std::uint32_t> StackTree::path(std::uint32_t node) const {
  std::vector<std::uint32_t> path;
  for (; node != root; node = nodes_[node].caller) path.push_back(node);
  std::reverse(path.begin(), path.end());
  return path;
}

std::string StackTree::frames_json() const {
  std::string text;
  JsonWriter json(text, JsonWriter::Style::compact);
  json.begin_object();
  for (std::uint32_t node = 1; node < nodes_.size(); ++node) {
    json.line().key(std::to_string(node)).begin_object();
    json.member("category", "native").member("name", nodes_[node].function);
    if (nodes_[node].caller != root) json.member("parent", std::to_string(nodes_[node].caller));
    json.end_object();
  }
  json.end_object();
  return text;
}

std::string StackTree::folded(const std::vector<std::pair<int, std::string>>& thread_names) const {
  // What separates is replaced in names.
  const auto plain = [](std::string name) {
    for (char& c : name)
      if (c == ';' || c == '\n') c = ':';
    return name;
  };
  std::string text;
  for (const auto& [place, count] : counts_) {
    std::string line = "thread " + std::to_string(place.first);
    for (const auto& [thread, name] : thread_names)
      if (thread == place.first) line = plain(name);
    for (const std::uint32_t node : path(place.second))
      line.append(";").append(plain(nodes_[node].function));
    text.append(line).append(" ").append(std::to_string(count)).append("\n");
  }
  return text;
}

}  // namespace limelight::profiling
