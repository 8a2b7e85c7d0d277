// Call stacks as a tree of functions: the stacks of a trace refer to its nodes, and folded text
// says how often each was met. One thread uses an object.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace limelight::profiling {

class StackTree {
 public:
  static constexpr std::uint32_t root = 0;  // of no function

  // The function that this one called. Nodes are numbered from 1, each after the one that calls it.
  std::uint32_t callee(std::uint32_t caller, std::string_view function);
  const std::string& function(std::uint32_t node) const { return nodes_[node].function; }
  // The nodes from the outermost function to this one.
  std::vector<std::uint32_t> path(std::uint32_t node) const;
  bool empty() const noexcept { return nodes_.size() == 1; }

  // The thread was found there.
  void count(int thread_id, std::uint32_t node) { ++counts_[{thread_id, node}]; }

  // The value of `stackFrames`, as the JSON trace format has it: {"1": {"name": ...}, "2": {"name":
  // ..., "parent": "1"}}.
  std::string frames_json() const;
  // A line for each stack: the thread, its functions from the outermost on, and how often it was
  // met. Flame graphs are drawn from it.
  std::string folded(const std::vector<std::pair<int, std::string>>& thread_names) const;

 private:
  struct Node {
    std::uint32_t caller;
    std::string function;
  };
  std::vector<Node> nodes_{{root, ""}};
  std::map<std::pair<std::uint32_t, std::string>, std::uint32_t, std::less<>> numbers_;
  std::map<std::pair<int, std::uint32_t>, std::uint64_t> counts_;
};

}  // namespace limelight::profiling
