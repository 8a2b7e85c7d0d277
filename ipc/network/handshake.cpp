#include "ipc/network/handshake.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <sys/stat.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <limelight/version.hpp>
#include <vector>

#include "base/try.hpp"

namespace limelight::ipc {

namespace {

using Nonce = std::array<unsigned char, 32>;
constexpr std::string_view magic = "LLNODE1\n";
constexpr std::string_view granted = "granted ", refused = "refused ";

Deadline in_time() { return std::chrono::steady_clock::now() + handshake_time; }

std::span<const std::byte> bytes_in(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

Result<Nonce> random_bytes() {
  Nonce nonce;
  if (RAND_bytes(nonce.data(), static_cast<int>(nonce.size())) != 1)
    return Error{ErrorCode::unavailable, "there are no random numbers"};
  return nonce;
}

Mac hmac(std::string_view key, std::string_view text) {
  Mac mac{};
  unsigned size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), mac.data(), &size);
  return mac;
}
std::string_view view(const Mac& mac) {
  return {reinterpret_cast<const char*>(mac.data()), mac.size()};
}
bool equal(const Mac& a, const Mac& b) { return CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0; }

// side: who proves, or "key" for the key of the connection.
Mac proof(const Token& token, std::string_view side, const Nonce& theirs, const Nonce& ours) {
  std::string text = "limelight node ";
  text.append(side).append(1, '\0').append(view(theirs)).append(view(ours));
  return hmac(token.secret(), text);
}

// A sealed text: its length in two bytes, the text, and the seal over `side` and the text.
Result<void> send_text(const Socket& socket,
                       const Mac& key,
                       std::string_view side,
                       std::string_view text) {
  if (text.size() > most_greeting_bytes)
    return Error{ErrorCode::too_large, "a greeting of " + std::to_string(text.size()) +
                                           " bytes, expected " +
                                           std::to_string(most_greeting_bytes) + " at most"};
  std::string message{static_cast<char>(text.size() >> 8), static_cast<char>(text.size() & 255)};
  const Mac seal = hmac(view(key), std::string(side).append(text));
  message.append(text).append(view(seal));
  return send_all(socket, bytes_in(message));
}

Result<std::string> receive_text(const Socket& socket,
                                 const Mac& key,
                                 std::string_view side,
                                 Deadline deadline) {
  std::array<unsigned char, 2> length{};
  LIMELIGHT_TRY(receive_all(socket, std::as_writable_bytes(std::span(length)), deadline));
  const std::size_t size = std::size_t{length[0]} << 8 | length[1];
  if (size > most_greeting_bytes)
    return Error{ErrorCode::corrupt, "found a greeting of " + std::to_string(size) +
                                         " bytes, expected " + std::to_string(most_greeting_bytes) +
                                         " at most"};
  std::string text(size, '\0');
  Mac seal{};
  LIMELIGHT_TRY(receive_all(socket, std::as_writable_bytes(std::span(text)), deadline));
  LIMELIGHT_TRY(receive_all(socket, std::as_writable_bytes(std::span(seal)), deadline));
  if (!equal(seal, hmac(view(key), std::string(side).append(text))))
    return Error{ErrorCode::corrupt, "found a greeting whose seal is broken"};
  return text;
}

}  // namespace

Result<Token> Token::of(std::string text) {
  while (!text.empty() && std::strchr(" \t\r\n", text.back()) != nullptr) text.pop_back();
  if (text.size() < least_bytes || text.size() > most_bytes)
    return Error{ErrorCode::invalid_argument,
                 "found a token of " + std::to_string(text.size()) + " bytes, expected " +
                     std::to_string(least_bytes) + " to " + std::to_string(most_bytes) +
                     ", such as `openssl rand -hex 32` makes"};
  return Token(std::move(text));
}

Result<Token> Token::read(const std::filesystem::path& file) {
  struct stat there {};
  if (::stat(file.c_str(), &there) != 0)
    return Error{ErrorCode::not_found,
                 file.string() + ": cannot read the token: " + std::strerror(errno)};
  if (S_ISREG(there.st_mode) && (there.st_mode & 077) != 0)
    return Error{ErrorCode::invalid_argument,
                 file.string() +
                     ": found a file that others can use, expected one of its owner alone (chmod "
                     "600)"};
  std::ifstream in(file, std::ios::binary);
  std::string text(most_bytes + 64, '\0');
  in.read(text.data(), static_cast<std::streamsize>(text.size()));
  if (in.bad() || (!in && !in.eof()))
    return Error{ErrorCode::not_found, file.string() + ": cannot read the token"};
  text.resize(static_cast<std::size_t>(in.gcount()));
  auto token = of(std::move(text));
  if (!token) return Error{token.error().code, file.string() + ": " + token.error().message};
  return token;
}

Result<std::string> detail::greet_as(const Socket& socket,
                                     const Token& token,
                                     std::string_view purpose,
                                     std::string_view version) {
  const Deadline deadline = in_time();
  const auto ours = random_bytes();
  if (!ours) return ours.error();
  LIMELIGHT_TRY(send_all(socket, bytes_in(magic), std::as_bytes(std::span(*ours))));
  Nonce theirs;
  LIMELIGHT_TRY(receive_all(socket, std::as_writable_bytes(std::span(theirs)), deadline));
  const Mac mine = proof(token, "connects", *ours, theirs);
  LIMELIGHT_TRY(send_all(socket, bytes_of(mine)));
  Mac found{};
  if (const auto got = receive_all(socket, std::as_writable_bytes(std::span(found)), deadline);
      !got)
    return Error{
        got.error().code == ErrorCode::timeout ? ErrorCode::timeout : ErrorCode::unavailable,
        "the other side does not accept this token: " + got.error().message};
  if (!equal(found, proof(token, "listens", *ours, theirs)))
    return Error{ErrorCode::unavailable, "the other side does not know this token"};
  const Mac key = proof(token, "key", *ours, theirs);
  LIMELIGHT_TRY(
      send_text(socket, key, "hello", std::string(version).append(1, '\n').append(purpose)));
  auto answer = receive_text(socket, key, "answer", std::chrono::steady_clock::now() + answer_time);
  if (!answer) return answer.error();
  if (answer->starts_with(granted)) return answer->substr(granted.size());
  return Error{ErrorCode::unavailable,
               answer->substr(answer->starts_with(refused) ? refused.size() : 0)};
}

Result<std::string> greet(const Socket& socket, const Token& token, std::string_view purpose) {
  return detail::greet_as(socket, token, purpose, version);
}

Result<Greeted> receive_greeting(const Socket& socket, const Token& token) {
  const Deadline deadline = in_time();
  std::array<char, magic.size()> begin{};
  LIMELIGHT_TRY(receive_all(socket, std::as_writable_bytes(std::span(begin)), deadline));
  if (std::string_view(begin.data(), begin.size()) != magic)
    return Error{ErrorCode::corrupt, "found another protocol"};
  Nonce theirs;
  LIMELIGHT_TRY(receive_all(socket, std::as_writable_bytes(std::span(theirs)), deadline));
  const auto ours = random_bytes();
  if (!ours) return ours.error();
  LIMELIGHT_TRY(send_all(socket, std::as_bytes(std::span(*ours))));
  Mac found{};
  LIMELIGHT_TRY(receive_all(socket, std::as_writable_bytes(std::span(found)), deadline));
  if (!equal(found, proof(token, "connects", theirs, *ours)))
    return Error{ErrorCode::unavailable, "found a peer that does not know the token"};
  const Mac mine = proof(token, "listens", theirs, *ours);
  LIMELIGHT_TRY(send_all(socket, bytes_of(mine)));
  Greeted greeted{.purpose = {}, .key = proof(token, "key", theirs, *ours), .refusal = {}};
  auto hello = receive_text(socket, greeted.key, "hello", deadline);
  if (!hello) return hello.error();
  const auto line = std::min(hello->find('\n'), hello->size());
  if (hello->substr(0, line) != version)
    greeted.refusal = "found Limelight " + hello->substr(0, line) + ", expected " +
                      std::string(version) + ", which this node has";
  greeted.purpose = hello->substr(std::min(line + 1, hello->size()));
  return greeted;
}

Result<void> answer_greeting(const Socket& socket,
                             const Greeted& greeted,
                             std::string_view answer,
                             bool refused_it) {
  return send_text(socket, greeted.key, "answer",
                   std::string(refused_it ? refused : granted).append(answer));
}

}  // namespace limelight::ipc
