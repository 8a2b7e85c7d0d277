// Encodes any bytes as a prompt, with the tokenizers of three families, whose decoded tokens must
// give the same bytes, in whole characters; and with tokenizers of the other kinds.
#include <cstdlib>
#include <vector>

#include "fuzz_model.hpp"
#include "stages/models/hf_files.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace limelight::stages;
  static const auto tokenizers = [] {
    std::vector<std::unique_ptr<Tokenizer>> made;
    for (const char* family : {"llama", "qwen2", "gguf"}) {
      auto model = ModelFile::open(std::filesystem::path(FIXTURES) / family);
      if (!model) std::abort();
      made.push_back(std::move(*make_tokenizer((*model)->tokenizer())));
    }
    return made;
  }();
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  for (const auto& tokenizer : tokenizers) {
    CharacterStream stream;
    std::string back;
    for (const int token : tokenizer->encode(text)) back += stream.push(tokenizer->bytes(token));
    if (back + stream.rest() != text) std::abort();
    (void)tokenizer->encode_prompt(text);
  }
  static const auto others = [] {
    std::vector<std::unique_ptr<Tokenizer>> made;
    for (const char* kind : {"gemma", "llama2", "metaspace-first", "unigram-bytes-always",
                             "unigram-never", "whitespace"})
      made.push_back(std::move(*make_tokenizer(
          read_tokenizer(std::filesystem::path(FIXTURES) / "tokenizers" / kind, 1 << 20))));
    return made;
  }();
  for (const auto& tokenizer : others) {
    CharacterStream stream(tokenizer->strips_first_blank());
    for (const int token : tokenizer->encode(text)) (void)stream.push(*tokenizer, token);
  }
  return 0;
}
