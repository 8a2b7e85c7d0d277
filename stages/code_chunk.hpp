// The chunks of codes that come to a stage which makes sound of them: int32 [frames, codebooks].
// Any thread may call it.
#pragma once

#include <cstdint>
#include <limelight/result.hpp>
#include <limelight/tensor.hpp>
#include <span>
#include <vector>

namespace limelight::stages {

struct CodeRules {
  std::size_t codebooks = 1;
  int most_frames = 0;   // of one request: max_model_len
  int largest_code = 0;  // the smallest is 0
};

// Appends the codes of a chunk to those of its request. Errors: corrupt (another tensor, or a code
// out of the range; they name the place), too_large (more than most_frames in all).
Result<void> append_codes(const ipc::TensorSpec& tensor,
                          std::span<const std::byte> data,
                          const CodeRules& rules,
                          std::vector<std::int32_t>& codes);

}  // namespace limelight::stages
