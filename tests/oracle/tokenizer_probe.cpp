// Encodes texts with a tokenizer of this project, for comparisons with others.
//
//   tokenizer_probe <folder with tokenizer.json>
//
// It reads lines of {"text"}, or of {"messages"} with "role" and "content" each, and writes lines
// of {"ids", "back"}: the tokens, and the text of them. Where a line has "around", there are also
// those of the text with what the post-processor puts around it.
#include <cstdio>
#include <iostream>
#include <nlohmann/json.hpp>

#include "stages/models/hf_files.hpp"
#include "stages/models/regex.hpp"
#include "stages/models/tokenizer.hpp"

using namespace limelight::stages;
using nlohmann::json;

int main(int argc, char** argv) {
  if (argc != 2) return std::fprintf(stderr, "usage: tokenizer_probe FOLDER <lines >lines\n"), 2;
  try {
    const auto tokenizer = make_tokenizer(read_tokenizer(argv[1], 1 << 22));
    if (!tokenizer) return std::fprintf(stderr, "%s\n", tokenizer.error().message.c_str()), 1;
    for (std::string line; std::getline(std::cin, line);) {
      const json asked = json::parse(line);
      std::vector<int> ids;
      if (asked.contains("text")) ids = (*tokenizer)->encode(asked["text"].get<std::string>());
      else {
        std::vector<limelight::Message> messages;
        for (const json& one : asked["messages"]) messages.push_back({one["role"], one["content"]});
        auto encoded = (*tokenizer)->encode_messages(messages);
        if (!encoded) return std::fprintf(stderr, "%s\n", encoded.error().message.c_str()), 1;
        ids = std::move(encoded).value();
      }
      CharacterStream stream((*tokenizer)->strips_first_blank());
      std::string back;
      for (const int id : ids) back += stream.push(**tokenizer, id);
      back += stream.rest();
      json answer{{"ids", ids}, {"back", back}};
      if (asked.contains("around"))
        answer["around"] = *(*tokenizer)->encode_plain(asked["text"].get<std::string>());
      std::cout << answer.dump(-1, ' ', false, json::error_handler_t::replace) << "\n";
    }
  } catch (const MatchFailed& failed) {
    return std::fprintf(stderr, "%s\n", failed.message.c_str()), 1;
  } catch (const ModelRefusal& refusal) {
    return std::fprintf(stderr, "%s\n", refusal.error.message.c_str()), 1;
  }
}
