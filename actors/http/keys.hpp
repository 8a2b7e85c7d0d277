// The tokens that clients show: "Authorization: Bearer <token>". Any thread may use a Keys.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace limelight::http {

class Keys {
 public:
  Keys() = default;
  explicit Keys(const std::vector<std::string>& tokens);
  bool empty() const { return digests_.empty(); }
  // authorization: the value of the header. How long it takes depends on no token.
  bool accept(std::string_view authorization) const;

 private:
  std::vector<std::string> digests_;  // SHA-256, so that all have one length
};

}  // namespace limelight::http
