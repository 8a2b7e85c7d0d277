// Passing an error on: LIMELIGHT_TRY(call()) returns the call's error from the function it stands
// in, if there is one. For a Result whose value is not needed; the function returns a Result.
#pragma once

#include <utility>

#define LIMELIGHT_TRY(...)                                      \
  do {                                                          \
    if (auto limelight_tried = (__VA_ARGS__); !limelight_tried) \
      return std::move(limelight_tried).error();                \
  } while (false)

// LIMELIGHT_ASSIGN(auto name, call()): the same, and declares `name` with the value.
#define LIMELIGHT_ASSIGN(declaration, ...) \
  LIMELIGHT_ASSIGN_AS(LIMELIGHT_JOIN(limelight_tried_, __LINE__), declaration, __VA_ARGS__)
#define LIMELIGHT_ASSIGN_AS(result, declaration, ...) \
  auto result = (__VA_ARGS__);                        \
  if (!result) return std::move(result).error();      \
  declaration = std::move(result).value()
#define LIMELIGHT_JOIN(a, b) LIMELIGHT_JOIN_TEXT(a, b)
#define LIMELIGHT_JOIN_TEXT(a, b) a##b
