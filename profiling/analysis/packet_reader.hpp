// Cuts a file in Perfetto's own format into its packets. One thread uses an object.
//
//   0a <length> <packet> 0a <length> <packet> ...      compressed as a whole, or not
//
// A packet that has packets in it, compressed, is replaced by these. Sizes are checked before there
// is memory for them; what ends in the middle of a packet is told from what is whole.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "profiling/analysis/compressed_reader.hpp"

namespace limelight::profiling {

// Whether a file that begins with these bytes (some KiB, or all of it) is such a file.
bool is_packets(std::string_view begin);

class PacketReader {
 public:
  explicit PacketReader(CompressedReader input) : input_(std::move(input)) {}

  // The next packet, valid until the next call; nothing at the end.
  std::optional<std::string_view> next();
  // Where it begins, in the unpacked bytes of the file.
  std::uint64_t offset() const noexcept { return packet_at_; }
  // Why there is nothing more, if that is not the file's end: a part of a sentence, such as "the
  // file ends in the middle of the packet at byte 123, of which it has 7 of 40 bytes".
  const std::string& broken() const noexcept { return broken_; }
  std::uint64_t compressed_damaged() const noexcept { return compressed_damaged_; }

  static constexpr std::size_t most_packet_bytes = std::size_t{64} << 20;

 private:
  bool fill(std::size_t wanted);
  std::optional<std::string_view> of_file();
  std::optional<std::string_view> of_compressed();
  bool unpack(std::string_view deflated);

  CompressedReader input_;
  std::string bytes_, inner_, outer_;
  std::size_t at_ = 0, inner_at_ = 0;
  std::uint64_t consumed_ = 0, packet_at_ = 0, compressed_damaged_ = 0;
  std::string broken_;
  bool ended_ = false, inner_torn_ = false;
};

}  // namespace limelight::profiling
