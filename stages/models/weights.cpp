#include "stages/models/weights.hpp"

#include <algorithm>
#include <cmath>

namespace limelight::stages {

std::uint64_t mix64(std::uint64_t x) noexcept {
  x += 0x9e3779b97f4a7c15u;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
  x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
  return x ^ (x >> 31);
}

std::function<void(int, std::span<float>)> WeightLoader::rows(const std::string& name,
                                                              int count,
                                                              int width) {
  return [all = load(name, MatrixPart::whole(count, width))](int row, std::span<float> to) {
    std::copy_n(
        all.begin() + static_cast<std::ptrdiff_t>(row) * static_cast<std::ptrdiff_t>(to.size()),
        to.size(), to.begin());
  };
}

std::vector<float> FileWeights::load(const std::string& name, const MatrixPart& part) {
  const FileTensor& t = *file_->find(name);
  const BlockFormat& format = block_format(t.type);
  std::vector<float> out(static_cast<std::size_t>(part.rows) * static_cast<std::size_t>(part.cols));
  for (int r = 0; r < part.rows; ++r)
    unpack_blocks(
        t.type,
        t.data + static_cast<std::size_t>(part.row + r) * t.row_bytes() +
            static_cast<std::size_t>(part.col) / format.values * format.bytes,
        std::span(out).subspan(static_cast<std::size_t>(r) * static_cast<std::size_t>(part.cols),
                               static_cast<std::size_t>(part.cols)));
  if (file_->norms_from_one() && name.ends_with("norm"))
    for (float& value : out) ++value;
  return out;
}

std::unique_ptr<Matrix> FileWeights::matrix(Device& device,
                                            const std::string& name,
                                            const MatrixPart& part,
                                            ipc::DType) {
  const FileTensor& t = *file_->find(name);
  const BlockFormat& format = block_format(t.type);
  const std::byte* first = t.data + static_cast<std::size_t>(part.row) * t.row_bytes() +
                           static_cast<std::size_t>(part.col) / format.values * format.bytes;
  return device.pack({t.type, first, t.row_bytes(), file_}, part.rows, part.cols);
}

std::function<void(int, std::span<float>)> FileWeights::rows(const std::string& name, int, int) {
  const FileTensor& t = *file_->find(name);
  return [&t, keep = file_](int row, std::span<float> to) {
    unpack_blocks(t.type, t.data + static_cast<std::size_t>(row) * t.row_bytes(), to);
  };
}

std::vector<float> DummyWeights::load(const std::string& name, const MatrixPart& part) {
  std::uint64_t key = mix64(seed_);
  for (const char c : name) key = mix64(key ^ static_cast<unsigned char>(c));
  const float bound = std::sqrt(3.0f / static_cast<float>(part.full_cols));
  std::vector<float> out(static_cast<std::size_t>(part.rows) * static_cast<std::size_t>(part.cols));
  auto to = out.begin();
  for (int r = part.row; r < part.row + part.rows; ++r) {
    const auto first = static_cast<std::uint64_t>(r) * static_cast<std::uint64_t>(part.full_cols) +
                       static_cast<std::uint64_t>(part.col);
    const std::uint64_t end = first + static_cast<std::uint64_t>(part.cols);
    std::uint64_t four = mix64(key ^ first / 4);  // one hash is enough for four neighbours
    for (std::uint64_t at = first; at < end; ++at) {
      if (at % 4 == 0) four = mix64(key ^ at / 4);
      const auto sixteen_bits = static_cast<std::uint16_t>(four >> at % 4 * 16);
      *to++ = bound * (static_cast<float>(sixteen_bits) * 0x1p-15f - 1.0f);
    }
  }
  return out;
}

double decoder_parameters(const DecoderShape& s) {
  const double attention = decoder_parameter(s.hidden, s.head_dim) *
                           (2 * static_cast<double>(s.heads) + 2 * static_cast<double>(s.kv_heads));
  return static_cast<double>(s.layers) * (attention + 3 * decoder_parameter(s.hidden, s.mlp));
}

std::uint64_t dummy_bytes(const StageConfig& config, double packed, double floats) {
  const DecoderShape& s = config.shape;
  // While a matrix is packed, it is there as floats too.
  floats += decoder_parameter(std::max(s.vocab, s.mlp), s.hidden);
  const double bytes = packed * static_cast<double>(ipc::size_of(config.dtype)) +
                       floats * static_cast<double>(sizeof(float));
  return static_cast<std::uint64_t>(std::min(bytes, 1e18));
}

}  // namespace limelight::stages
