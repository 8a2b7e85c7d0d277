// Goes over the fields of a protobuf message of anybody's making. A field whose type in the file is
// not the one that is asked for counts as 0 or as empty. Throws protozero::exception where the
// message itself is damaged.
#pragma once

#include <bit>
#include <cstdint>
#include <protozero/pbf_reader.hpp>
#include <string_view>

namespace limelight::profiling {

class PacketFields {
 public:
  explicit PacketFields(std::string_view message) : message_(message.data(), message.size()) {}

  // Goes to the next field; false at the end. Its value is then taken, or passed over.
  bool next() { return message_.next(); }
  std::uint32_t tag() const { return message_.tag(); }
  void skip() { message_.skip(); }

  std::uint64_t number() {
    switch (message_.wire_type()) {
      case protozero::pbf_wire_type::varint: return message_.get_uint64();
      case protozero::pbf_wire_type::fixed64: return message_.get_fixed64();
      case protozero::pbf_wire_type::fixed32: return message_.get_fixed32();
      default: message_.skip(); return 0;
    }
  }
  std::int64_t whole() { return static_cast<std::int64_t>(number()); }
  bool flag() { return number() != 0; }
  double real() {
    switch (message_.wire_type()) {
      case protozero::pbf_wire_type::fixed64: return message_.get_double();
      case protozero::pbf_wire_type::fixed32: return static_cast<double>(message_.get_float());
      default: return static_cast<double>(whole());
    }
  }
  std::string_view text() {
    if (message_.wire_type() != protozero::pbf_wire_type::length_delimited) {
      message_.skip();
      return {};
    }
    const auto view = message_.get_view();
    return {view.data(), view.size()};
  }
  PacketFields message() { return PacketFields(text()); }
  // Calls take(number) for each number of a repeated field, packed or not. fixed: of 64 bits.
  template <class Take>
  void numbers(bool fixed, Take take) {
    if (message_.wire_type() != protozero::pbf_wire_type::length_delimited) return take(number());
    if (fixed)
      for (const std::uint64_t one : message_.get_packed_fixed64()) take(one);
    else
      for (const std::uint64_t one : message_.get_packed_uint64()) take(one);
  }

 private:
  protozero::pbf_reader message_;
};

}  // namespace limelight::profiling
