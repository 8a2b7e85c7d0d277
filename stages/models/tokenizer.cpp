#include "stages/models/tokenizer.hpp"

#include <utility>

#include "base/try.hpp"

namespace limelight::stages {

namespace {

class ByteTokenizer final : public Tokenizer {
 public:
  Result<std::vector<int>> encode_prompt(std::string_view prompt) const override {
    return encode(prompt);
  }
  // Dummy models have no chat template: one line for the role and one for the text.
  Result<std::vector<int>> encode_messages(std::span<const Message> messages) const override {
    LIMELIGHT_TRY(check(messages));
    std::string text;
    for (const Message& message : messages) {
      if (!message.has_content || message.fields.find("\"tool_calls\"") != std::string::npos)
        return Error{ErrorCode::unavailable,
                     "messages: found tool_calls, expected a model whose chat template shows them; "
                     "this one has none"};
      text += message.role + "\n" + message.content;
      for (const ContentPart& part : message.parts) text += part.text;
      text += "\n";
    }
    return encode(text + "assistant\n");
  }
  std::vector<int> encode(std::string_view text) const override {
    std::vector<int> tokens;
    for (const char c : text) tokens.push_back(static_cast<unsigned char>(c));
    return tokens;
  }
  // Only printable ASCII, so that the output of dummy models is readable text.
  std::string bytes(int token) const override {
    constexpr std::string_view heads[] = {"b", "d", "f", "g", "k", "l", "m",  "n",
                                          "p", "r", "s", "t", "v", "z", "st", "tr"};
    constexpr std::string_view tails[] = {"a", "e", "i", "o", "u", "an", "el", "in", "or", "us"};
    if (token < 256)
      return token >= 32 && token < 127 ? std::string(1, static_cast<char>(token)) : " ";
    const auto n = static_cast<unsigned>(token - 256);
    return (n / 160 % 3 == 0 ? " " : "") + std::string(heads[n % 16]) +
           std::string(tails[n / 16 % 10]);
  }
  const std::vector<int>& ends() const override { return no_ends_; }

 private:
  std::vector<int> no_ends_;
};

// The length of the UTF-8 character that starts with this byte; 1 if no character starts with it.
std::size_t length_of(unsigned char first) {
  return first >= 0xf0 && first < 0xf8   ? 4
         : first >= 0xe0 && first < 0xf0 ? 3
         : first >= 0xc2 && first < 0xe0 ? 2
                                         : 1;
}

}  // namespace

Result<void> check(std::span<const Message> messages) {
  if (messages.empty())
    return Error{ErrorCode::invalid_argument, "messages: found none, expected one or more"};
  for (std::size_t i = 0; i < messages.size(); ++i)
    if (const std::string& role = messages[i].role;
        role != "system" && role != "user" && role != "assistant" && role != "tool")
      return Error{ErrorCode::invalid_argument, "messages[" + std::to_string(i) +
                                                    "]: found role '" + role.substr(0, 60) +
                                                    "', expected system, user, assistant or tool"};
    else if (!messages[i].parts.empty() && (role != "user" || !messages[i].content.empty()))
      return Error{ErrorCode::invalid_argument,
                   "messages[" + std::to_string(i) + "]: found parts " +
                       (role != "user" ? "in a message of the role '" + role + "'"
                                       : std::string("beside a content")) +
                       ", expected them in a user's message, in place of its content"};
  return {};
}

std::unique_ptr<Tokenizer> make_byte_tokenizer() { return std::make_unique<ByteTokenizer>(); }

std::string CharacterStream::push(std::string_view bytes) {
  waiting_ += bytes;
  if (strips_ && !waiting_.empty()) {
    if (waiting_.front() == ' ') waiting_.erase(0, 1);
    strips_ = false;
  }
  // Only the last character can be incomplete: its first byte is one of the last three.
  std::size_t whole = waiting_.size();
  for (std::size_t back = 1; back <= 3 && back <= waiting_.size(); ++back) {
    const auto byte = static_cast<unsigned char>(waiting_[waiting_.size() - back]);
    if ((byte & 0xc0) == 0x80) continue;
    if (length_of(byte) > back) whole -= back;
    break;
  }
  std::string out = waiting_.substr(0, whole);
  waiting_.erase(0, whole);
  return out;
}

std::string CharacterStream::push(const Tokenizer& tokenizer, int token) {
  const std::string bytes = tokenizer.bytes(token);
  if (bytes.empty() || !std::exchange(first_, false)) return push(bytes);
  return push(tokenizer.first_bytes(token));
}

}  // namespace limelight::stages
