// Adds up time by the stack of names in which it was spent, for a flame graph.
//
// Below the root there is a node for each rank, and for its devices a node below that. The time of
// a node is its own and that of the nodes below it, so all adds up. Memory is bounded: a stack that
// finds no place any more is added to a node "(others)" of its parent. One thread uses an object.
#pragma once

#include <cstdint>
#include <unordered_map>
#include <vector>

namespace limelight::profiling {

class FlameGraph {
 public:
  using Node = std::uint32_t;
  using Name = std::uint32_t;
  static constexpr std::size_t most_nodes = 20'000;
  static constexpr std::uint16_t most_depth = 64;

  struct Entry {
    Node parent;
    Name name;
    std::uint16_t depth = 0;
    std::int64_t self_ns = 0;
    std::uint64_t calls = 0;
  };

  // others: the name of the nodes for what found no place.
  explicit FlameGraph(Name others) : others_(others), entries_{{0, others}} {}

  // The node of a name below a parent; 0 is the root.
  Node child(Node parent, Name name) {
    if (entries_[parent].name == others_ && parent != 0) return parent;
    if (entries_[parent].depth >= most_depth) return parent;
    const std::uint64_t key = std::uint64_t{parent} << 32 | name;
    if (const auto at = nodes_.find(key); at != nodes_.end()) return at->second;
    // Half as many again for the nodes "(others)" themselves.
    if (entries_.size() >= most_nodes && name != others_)
      return entries_.size() < most_nodes * 3 / 2 ? child(parent, others_) : parent;
    const auto made = static_cast<Node>(entries_.size());
    entries_.push_back({.parent = parent,
                        .name = name,
                        .depth = static_cast<std::uint16_t>(entries_[parent].depth + 1)});
    nodes_.emplace(key, made);
    return made;
  }
  void add(Node node, std::int64_t self_ns) {
    Entry& entry = entries_[node];
    ++entry.calls;
    if (__builtin_add_overflow(entry.self_ns, self_ns, &entry.self_ns)) entry.self_ns = INT64_MAX;
  }

  // Parents come before their children; the first is the root.
  const std::vector<Entry>& entries() const noexcept { return entries_; }

 private:
  Name others_;
  std::vector<Entry> entries_;
  std::unordered_map<std::uint64_t, Node> nodes_;
};

}  // namespace limelight::profiling
