// Records one layer of a network, where a profile is of blocks (ProfileOptions::detail); the small
// operations inside are then left out. Elsewhere it costs a load and a branch.
#pragma once

#include <cstddef>
#include <limelight/span.hpp>

namespace limelight::stages {

class LayerSpan {
 public:
  // layer: its number, from 0.
  explicit LayerSpan(std::size_t layer) noexcept
      : span_(profiling::Activity::block, name(), layer) {}

 private:
  static profiling::NameId name() noexcept {
    static const profiling::NameId id =
        profiling::intern("layer", profiling::Category::cpu_op, profiling::ValueKind::number, false,
                          profiling::Activity::block);
    return id;
  }
  profiling::Span span_;
};

}  // namespace limelight::stages
