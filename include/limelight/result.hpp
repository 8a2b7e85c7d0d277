// Errors as values.
//
// Every public function that can fail for a reason outside the program (a file, another process, a
// config) returns a Result. The message of an Error says what failed, where, and what to do about
// it; it can be shown to a user as it is. No exception leaves an actor, a C callback or a function
// of the library.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

namespace limelight {

enum class ErrorCode : std::uint8_t {
  none = 0,
  invalid_argument,  // an argument is wrong: a flag, a config key, an unknown stage
  not_found,         // there is no such file, stage or request
  io,                // the operating system refused a read, write or mapping
  corrupt,           // data from outside does not have the required form
  too_large,         // a size exceeds what memory was set up for
  timeout,           // no answer in time
  rank_failed,       // a rank did not start, ended or does not answer
  cancelled,         // ended by the caller or by a signal
  busy,              // already running, or no free memory now
  late,              // the requested time has passed
  unavailable,       // the machine or the system lacks a part
  internal,          // a bug of the library
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
