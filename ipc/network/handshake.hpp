// How two processes on different machines come to trust a connection: both prove that they know the
// same token, before either says anything else.
//
//   who connects                       who listens
//   "LLNODE1\n", 32 random bytes  -->
//                                 <--  32 random bytes
//   proof of the one who connects -->  checks it, and closes without a word if it is wrong
//                       checks it <--  proof of the one who listens
//   version, purpose, seal        -->
//                                 <--  the answer, with a seal
//
// A proof is HMAC-SHA256 with the token as key over the side's name and both random numbers; a seal
// is one with a key of this connection. The token itself is never sent, and a proof is of no use
// for another connection. What follows is neither hidden nor sealed.
//
// Any thread may call all. A peer has handshake_time to say all that it has to say, and the one who
// listens has answer_time, for there may be something to be ended and begun before.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <limelight/result.hpp>
#include <string>
#include <string_view>

#include "ipc/network/socket.hpp"

namespace limelight::ipc {

inline constexpr std::chrono::seconds handshake_time{5}, answer_time{20};
// Of a purpose or an answer.
inline constexpr std::size_t most_greeting_bytes = 2048;

class Token {
 public:
  static constexpr std::size_t least_bytes = 16, most_bytes = 4096;
  // A file that its owner alone can read; blanks at its end do not count. Errors: not_found,
  // invalid_argument (others can read it, or its length).
  static Result<Token> read(const std::filesystem::path& file);
  // Errors: invalid_argument (its length).
  static Result<Token> of(std::string text);
  const std::string& secret() const noexcept { return secret_; }

 private:
  explicit Token(std::string secret) : secret_(std::move(secret)) {}
  std::string secret_;
};

using Mac = std::array<unsigned char, 32>;

// Connects the two sides, as the one who connects. Returns the other side's answer. Errors:
// unavailable (it refuses, with its reason, or it does not know the token), timeout, io, cancelled,
// corrupt.
Result<std::string> greet(const Socket& socket, const Token& token, std::string_view purpose);

// The same as the one who listens.
struct Greeted {
  std::string purpose;
  Mac key = {};         // for the answer
  std::string refusal;  // why this peer cannot be served, if its version is another one
};
Result<Greeted> receive_greeting(const Socket& socket, const Token& token);
// The answer, or with `refused` why it is none.
Result<void> answer_greeting(const Socket& socket,
                             const Greeted& greeted,
                             std::string_view answer,
                             bool refused = false);

namespace detail {
// For a test: with another version than this one's.
Result<std::string> greet_as(const Socket& socket,
                             const Token& token,
                             std::string_view purpose,
                             std::string_view version);
}  // namespace detail

}  // namespace limelight::ipc
