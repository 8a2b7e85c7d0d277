// LIMELIGHT_TRY(call()): if the call fails, the surrounding function returns the call's error. Both
// must return a Result. The value of the call's Result is dropped.
#pragma once

#include <utility>

#define LIMELIGHT_TRY(...)                                      \
  do {                                                          \
    if (auto limelight_tried = (__VA_ARGS__); !limelight_tried) \
      return std::move(limelight_tried).error();                \
  } while (false)
