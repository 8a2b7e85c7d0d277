#include "profiling/analysis/packet_reader.hpp"

#include <zlib.h>

#include <algorithm>

#include "profiling/analysis/packet_fields.hpp"
#include "profiling/trace/perfetto_fields.hpp"

namespace limelight::profiling {

namespace field = perfetto_field;

namespace {

constexpr std::size_t read_at_once = std::size_t{1} << 18;
constexpr unsigned char packet_tag = field::trace_packet << 3 | 2;
constexpr std::size_t most_head = 11;  // the tag, and a length of 64 bits

struct PacketHead {
  std::size_t bytes = 0;  // of tag and length; 0: none
  std::uint64_t length = 0;
};
PacketHead packet_head(std::string_view text) {
  PacketHead head;
  if (text.empty() || static_cast<unsigned char>(text[0]) != packet_tag) return head;
  for (std::size_t i = 1; i < text.size() && i < most_head; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    head.length |= std::uint64_t{byte & 0x7fu} << (7 * (i - 1));
    if (byte < 0x80) {
      head.bytes = i + 1;
      break;
    }
  }
  return head;
}

// Whether all fields of a message are well formed, as far as their text is there.
bool is_message(std::string_view text, bool whole) {
  try {
    PacketFields message(text);
    while (message.next()) message.skip();
    return true;
  } catch (const protozero::end_of_buffer_exception&) {
    return !whole;
  } catch (const protozero::exception&) {
    return false;
  }
}

bool looks_like_json(std::string_view text) {
  const auto blank = [](char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; };
  const auto skip = [&] {
    while (!text.empty() && blank(text.front())) text.remove_prefix(1);
  };
  skip();
  if (text.empty() || (text.front() != '{' && text.front() != '[')) return false;
  text.remove_prefix(1);
  skip();
  return text.empty() || text.front() == '"' || text.front() == '{' || text.front() == '}' ||
         text.front() == ']';
}

}  // namespace

bool is_packets(std::string_view begin) {
  const PacketHead head = packet_head(begin);
  if (head.bytes == 0 || head.length > PacketReader::most_packet_bytes) return false;
  const std::string_view rest = begin.substr(head.bytes);
  const bool whole = head.length <= rest.size();
  const std::string_view first = rest.substr(0, std::min<std::uint64_t>(head.length, rest.size()));
  if (!is_message(first, whole)) return false;
  // A line end before JSON may pass for a packet's tag.
  return !looks_like_json(begin) ||
         (whole && (head.length == rest.size() || rest[head.length] == packet_tag));
}

bool PacketReader::fill(std::size_t wanted) {
  while (bytes_.size() - at_ < wanted) {
    if (at_ > 0) bytes_.erase(0, at_);
    at_ = 0;
    const std::size_t before = bytes_.size();
    bytes_.resize(before + read_at_once);
    const std::size_t n = input_.read(bytes_.data() + before, read_at_once);
    bytes_.resize(before + n);
    if (n == 0) return false;
  }
  return true;
}

std::optional<std::string_view> PacketReader::of_file() {
  if (ended_) return std::nullopt;
  packet_at_ = consumed_;
  const auto stop = [this](std::string why) {
    ended_ = true;
    broken_ = std::move(why);
    return std::nullopt;
  };
  const std::string at = std::to_string(consumed_);
  (void)fill(most_head);
  const std::string_view text = std::string_view(bytes_).substr(at_);
  const std::string damage = input_.broken() ? ", where the compressed data is damaged" : "";
  if (text.empty() && input_.broken())
    return stop("the compressed data is damaged or ends early behind byte " + at);
  if (text.empty()) {
    ended_ = true;
    return std::nullopt;
  }
  const PacketHead head = packet_head(text);
  if (head.bytes == 0 && static_cast<unsigned char>(text[0]) == packet_tag &&
      text.size() < most_head)
    return stop("the file ends in the middle of the packet at byte " + at + damage);
  if (head.bytes == 0) return stop("found no packet at byte " + at + ", and read no further");
  if (head.length > most_packet_bytes)
    return stop("the packet at byte " + at + " claims " + std::to_string(head.length) +
                " bytes, expected at most 64 MiB; nothing behind it was read");
  const std::size_t whole = head.bytes + head.length;
  if (!fill(whole))
    return stop("the file ends in the middle of the packet at byte " + at + ", of which it has " +
                std::to_string(bytes_.size() - at_ - head.bytes) + " of " +
                std::to_string(head.length) + " bytes" +
                (input_.broken() ? "; its compressed data is damaged or ends early" : ""));
  const std::string_view packet = std::string_view(bytes_).substr(at_ + head.bytes, head.length);
  at_ += whole;
  consumed_ += whole;
  return packet;
}

// Packets in a packet have no packets in them.
std::optional<std::string_view> PacketReader::of_compressed() {
  const std::string_view text = std::string_view(inner_).substr(inner_at_);
  const PacketHead head = packet_head(text);
  if (head.bytes == 0 || head.length > text.size() - head.bytes) {
    if (!inner_torn_) ++compressed_damaged_;
    inner_at_ = inner_.size();
    return std::nullopt;
  }
  inner_at_ += head.bytes + head.length;
  return text.substr(head.bytes, head.length);
}

bool PacketReader::unpack(std::string_view deflated) {
  inner_.clear();
  inner_at_ = 0;
  z_stream stream{};
  if (inflateInit(&stream) != Z_OK) return false;
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(deflated.data()));
  stream.avail_in = static_cast<uInt>(deflated.size());
  int status = Z_OK;
  while (status == Z_OK && inner_.size() <= most_packet_bytes) {
    const std::size_t before = inner_.size();
    inner_.resize(before + read_at_once);
    stream.next_out = reinterpret_cast<Bytef*>(inner_.data() + before);
    stream.avail_out = static_cast<uInt>(read_at_once);
    status = inflate(&stream, Z_NO_FLUSH);
    inner_.resize(before + read_at_once - stream.avail_out);
    if (stream.avail_out == read_at_once) break;
  }
  inflateEnd(&stream);
  return status == Z_STREAM_END;
}

std::optional<std::string_view> PacketReader::next() {
  for (;;) {
    if (inner_at_ < inner_.size())
      if (const auto packet = of_compressed()) return packet;
    const auto packet = of_file();
    if (!packet) return std::nullopt;
    // Such a packet has nothing else in it but words of the service that wrote it.
    std::string_view deflated;
    try {
      PacketFields message(*packet);
      while (message.next())
        if (message.tag() == field::compressed_packets) deflated = message.text();
        else message.skip();
    } catch (const protozero::exception&) {
      return packet;  // who takes it says so
    }
    if (deflated.empty()) return packet;
    inner_torn_ = !unpack(deflated);
    if (inner_torn_) ++compressed_damaged_;
  }
}

}  // namespace limelight::profiling
