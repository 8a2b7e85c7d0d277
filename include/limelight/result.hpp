// Errors as values.
//
// Every public function that can fail for a reason outside the program (a file, a peer, a config)
// returns a Result. An Error says what failed, where, and what to do about it; it is made to be
// shown to a person as it stands. No exception crosses an actor, a C callback or a library border
// of Limelight.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

namespace limelight {

enum class ErrorCode : std::uint8_t {
  none = 0,
  invalid_argument,  // the caller's words are off: a flag, a config key, an unknown stage
  not_found,         // a file, a stage or a request that is not there
  io,                // the operating system refused a read, write or mapping
  corrupt,           // bytes from outside do not have the form that they must have
  too_large,         // a size beyond what was set up for it
  timeout,           // nobody answered in time
  rank_failed,       // a rank did not start, died or does not answer
  cancelled,         // ended on request, or by a signal
  busy,              // already running, or no room now
  late,              // the time that was asked for has passed
  unavailable,       // a part of the machine or of the system that is missing
  internal,          // a broken invariant of ours
};

const char* to_string(ErrorCode code) noexcept;

struct Error {
  ErrorCode code = ErrorCode::internal;
  std::string message;  // what failed and where, with what was found and what was expected
};
// The fields as CAF's messages carry them; needs none of its headers.
template <class Inspector>
auto inspect(Inspector& f, Error& x) {
  return f(x.code, x.message);
}

template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const noexcept { return state_.index() == 0; }
  bool ok() const noexcept { return state_.index() == 0; }

  T& value() & { return std::get<0>(state_); }
  const T& value() const& { return std::get<0>(state_); }
  T&& value() && { return std::get<0>(std::move(state_)); }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::get<0>(std::move(state_)); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  const Error& error() const& { return std::get<1>(state_); }
  Error&& error() && { return std::get<1>(std::move(state_)); }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  Result(Error error) : error_(std::move(error)), ok_(false) {}

  explicit operator bool() const noexcept { return ok_; }
  bool ok() const noexcept { return ok_; }
  const Error& error() const& { return error_; }
  Error&& error() && { return std::move(error_); }

 private:
  Error error_{ErrorCode::none, {}};
  bool ok_ = true;
};

}  // namespace limelight
