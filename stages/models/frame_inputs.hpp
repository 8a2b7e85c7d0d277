// What a talker of codes reads beside them, as FrameTalker asks for it: the rows before the first
// frame, and what is added to the row of each frame.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace limelight::stages {

// Of one request. One thread uses it.
class FrameInputs {
 public:
  virtual ~FrameInputs() = default;
  // Whether all rows before the first code are known; and that there never will be any: nothing is
  // to be spoken.
  virtual bool ready() const noexcept = 0;
  virtual bool silent() const noexcept = 0;
  virtual int beginning() const noexcept = 0;  // the number of rows before the first code
  // Whether frame t's part of the text is known.
  virtual bool has(std::size_t frame) const noexcept = 0;
  virtual void write(std::size_t row, std::span<float> to) const = 0;  // before the first code
  virtual void add_text(std::size_t frame, std::span<float> to) const = 0;
  // Time, height and width of row `position`, codes included, for a decoder; nothing without
  // pictures, where all three are the position.
  virtual std::optional<std::array<std::int32_t, 3>> turn(int) const { return std::nullopt; }
};

}  // namespace limelight::stages
