// Looks at the members of a JSON object without building a tree, for events of which a few keys
// matter. The text must be well formed; of any other text some members are found, and nothing
// outside it is read. Keys and values are views into the text. All functions may be called from any
// thread.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace limelight::profiling {

// Where the value that begins at `at` ends.
std::size_t json_value_end(std::string_view text, std::size_t at);

// One member: the key without its quotes, with its escapes; the value as it is in the text.
struct JsonMember {
  std::string_view key, value;
};

// The members of an object, from the first to the last.
class JsonMembers {
 public:
  explicit JsonMembers(std::string_view object) : text_(object), at_(object.empty() ? 0 : 1) {}
  std::optional<JsonMember> next();

 private:
  std::string_view text_;
  std::size_t at_;
};

// The value of a key; the last one if there are several.
std::optional<std::string_view> json_member(std::string_view object, std::string_view key);

// A JSON text without its quotes; any other value as it is.
std::string_view without_quotes(std::string_view value);
// What the characters between the quotes of a JSON text stand for. A half of a surrogate pair that
// stands alone becomes U+FFFD.
std::string unescaped(std::string_view text);
// The text of a value: of a JSON text what it stands for, of all others as it is.
std::string text_of_json(std::string_view value);

}  // namespace limelight::profiling
