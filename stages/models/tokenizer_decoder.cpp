#include "stages/models/tokenizer_parts.hpp"

namespace limelight::stages {

using nlohmann::json;

// The steps in the order that published files have; another order gives another text.
void read_decoder(const TokenizerParts& parts, const json& all, TokenizerSpec& t) {
  const auto wrong = [&](const json& one) {
    parts.unknown(
        "the decoder", one,
        "ByteLevel; Metaspace; or Replace by a blank, ByteFallback, Fuse and Strip of the "
        "first blank, in this order");
  };
  // Without one the reference puts blanks between tokens.
  if (!all.is_object()) wrong(all);
  enum Step { nothing, replaced, bytes_joined, fused, stripped, whole };
  Step done = nothing;
  bool bytes = false, fallback = false;
  for (const json& one : parts.parts_of(all, "decoders")) {
    const std::string kind =
        parts.kind_of("the decoder", one,
                      {"add_prefix_space", "trim_offsets", "use_regex", "pattern", "content",
                       "start", "stop", "replacement", "prepend_scheme", "split", "str_rep"});
    Step now = whole;
    bool literal = false;
    if (kind == "ByteLevel" && done == nothing) bytes = true;
    else if (kind == "Metaspace" && done == nothing) {
      t.space_letter = parts.text_of("the decoder", one, "replacement");
      t.strips_first_token = parts.prepend_scheme(one) != "never";
    } else if (kind == "Fuse") {
      if (done == whole) continue;
      now = fused;
    } else if (kind == "ByteFallback") {
      now = bytes_joined;
      fallback = true;
    } else if (kind == "Replace" && one.value("content", json()) == " ") {
      now = replaced;
      t.space_letter = parts.pattern_of("the decoder", one, literal);
      if (!literal || t.space_letter.empty()) wrong(one);
    } else if (kind == "Strip" && done == fused && one.value("content", json()) == " " &&
               one.value("start", json()) == 1 && one.value("stop", json()) == 0) {
      now = stripped;
      t.strips_first_blank = true;
    } else wrong(one);
    if (now <= done) wrong(all);
    done = now;
  }
  if (bytes != t.byte_level || fallback != t.byte_fallback)
    parts.unknown("the decoder", all,
                  "one of bytes if, and only if, the pre-tokenizer or the model is");
}

}  // namespace limelight::stages
