// What the packets of one writer in a Perfetto trace refer to by numbers: names, categories, call
// stacks. It lasts until the writer says that it begins anew. One thread uses an object.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

#include "profiling/analysis/packet_fields.hpp"

namespace limelight::profiling {

class PerfettoWords {
 public:
  enum Kind : std::size_t {
    categories,
    names,
    annotation_names,
    annotation_texts,
    functions,
    kinds
  };

  // Adds what an InternedData message says. Throws protozero::exception if it is damaged.
  void add(PacketFields interned);
  void clear();
  // Nothing if the number is not known.
  const std::string* text(Kind kind, std::uint64_t number) const;
  // The innermost function of a call stack.
  const std::string* function_of_stack(std::uint64_t number) const;
  std::size_t bytes() const noexcept { return bytes_; }  // of all that was added and not cleared

 private:
  std::unordered_map<std::uint64_t, std::string> texts_[kinds];
  std::unordered_map<std::uint64_t, std::uint64_t> frames_, innermost_;  // function, frame
  std::size_t bytes_ = 0;
};

// Appends an annotation of an event, a member of a JSON object, with a comma before all but the
// first. Throws protozero::exception if it is damaged.
void add_annotation(PacketFields annotation, const PerfettoWords& words, std::string& to);
// The name of one, and its value as JSON.
struct PerfettoAnnotation {
  std::string name{}, value{};
};
PerfettoAnnotation read_annotation(PacketFields annotation, const PerfettoWords& words);

}  // namespace limelight::profiling
