#include "actors/http/keys.hpp"

#include <openssl/crypto.h>
#include <openssl/sha.h>

#include <algorithm>
#include <cctype>

namespace limelight::http {

namespace {
std::string digest(std::string_view text) {
  std::string out(SHA256_DIGEST_LENGTH, '\0');
  ::SHA256(reinterpret_cast<const unsigned char*>(text.data()), text.size(),
           reinterpret_cast<unsigned char*>(out.data()));
  return out;
}
}  // namespace

Keys::Keys(const std::vector<std::string>& tokens) {
  for (const std::string& token : tokens) digests_.push_back(digest(token));
}

bool Keys::accept(std::string_view authorization) const {
  constexpr std::string_view scheme = "bearer ";
  if (authorization.size() < scheme.size()) return false;
  const bool bearer =
      std::equal(scheme.begin(), scheme.end(), authorization.begin(), [](char a, char b) {
        return a == static_cast<char>(std::tolower(static_cast<unsigned char>(b)));
      });
  const std::string shown = digest(authorization.substr(scheme.size()));
  int found = 0;  // all are compared, whichever it is
  for (const std::string& one : digests_)
    found |= static_cast<int>(::CRYPTO_memcmp(one.data(), shown.data(), one.size()) == 0);
  return bearer && found != 0;
}

}  // namespace limelight::http
