// The names of requests, by the number that a record refers to.
//
// The name of an open request is kept until the request is forgotten. The names of the last 4096
// forgotten requests are kept as well, because a trace names a request some time after it recorded
// its last span. The memory is bounded even if nobody forgets anything: at most 65 536 requests are
// open, and the next one makes the one with the lowest number count as forgotten. Any thread may
// call any function.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <string_view>

namespace limelight::profiling::detail {

class RequestNames {
 public:
  static constexpr std::size_t most_forgotten = 4096, most_open = std::size_t{1} << 16;

  // Opens the request. A later call with the same number replaces the name.
  void name(std::uint32_t request, std::string_view id);
  // Does nothing if the request is not open.
  void forget(std::uint32_t request);
  // The number as text if the name is not known.
  std::string find(std::uint32_t request) const;
  // Calls f for each open request, in the order of their numbers. f must not call this object.
  void for_each_open(const std::function<void(std::uint32_t, std::string_view)>& f) const;
  // The number of names that are kept, open and forgotten.
  std::size_t size() const;

 private:
  struct Forgotten {
    bool used = false;
    std::uint32_t request = 0;
    std::string id;
  };
  void forget(std::map<std::uint32_t, std::string>::iterator at);

  mutable std::mutex mutex_;
  std::map<std::uint32_t, std::string> open_;
  std::array<Forgotten, most_forgotten> forgotten_;  // at the number modulo its size
};

}  // namespace limelight::profiling::detail
