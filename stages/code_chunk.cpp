#include "stages/code_chunk.hpp"

#include <cstring>
#include <string>

namespace limelight::stages {

Result<void> append_codes(const ipc::TensorSpec& tensor,
                          std::span<const std::byte> data,
                          const CodeRules& rules,
                          std::vector<std::int32_t>& codes) {
  const std::size_t books = rules.codebooks, old = codes.size();
  const std::string what = books == 1 ? "codes" : "frames";
  if (tensor.dtype != ipc::DType::int32 || tensor.extents != 2 || tensor.shape[1] != books)
    return Error{ErrorCode::corrupt, "code2wav: found a chunk " + tensor.text() +
                                         ", expected int32 [" + what + ", " +
                                         std::to_string(books) + "]"};
  const std::uint64_t frames = old / books + tensor.shape[0];
  if (frames > static_cast<std::uint64_t>(rules.most_frames))
    return Error{ErrorCode::too_large, "code2wav: found " + std::to_string(frames) + " " + what +
                                           " of one request, expected at most max_model_len, " +
                                           std::to_string(rules.most_frames)};
  codes.resize(old + data.size() / sizeof(std::int32_t));
  if (!data.empty()) std::memcpy(codes.data() + old, data.data(), data.size());
  for (std::size_t at = old; at < codes.size(); ++at) {
    if (codes[at] >= 0 && codes[at] <= rules.largest_code) continue;
    std::string where = "code " + std::to_string(at) + ": found ";
    if (books > 1)
      where = "frame " + std::to_string(at / books) + ", codebook " + std::to_string(at % books) +
              ": found code ";
    return Error{ErrorCode::corrupt, "code2wav: " + where + std::to_string(codes[at]) +
                                         ", expected 0 to " + std::to_string(rules.largest_code)};
  }
  return {};
}

}  // namespace limelight::stages
