// Passing an error on: LIMELIGHT_TRY(call()) returns the call's error from the function it stands
// in, if there is one. For a Result whose value is not needed; the function returns a Result.
#pragma once

#include <utility>

#define LIMELIGHT_TRY(...)                                      \
  do {                                                          \
    if (auto limelight_tried = (__VA_ARGS__); !limelight_tried) \
      return std::move(limelight_tried).error();                \
  } while (false)
