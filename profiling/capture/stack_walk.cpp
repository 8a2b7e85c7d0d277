#include "profiling/capture/stack_walk.hpp"

#include <unwind.h>

namespace limelight::profiling {

namespace {
struct Walk {
  std::uintptr_t* addresses;
  int most, count = 0;
};

_Unwind_Reason_Code note(_Unwind_Context* frame, void* argument) {
  Walk& walk = *static_cast<Walk*>(argument);
  if (walk.count == walk.most) return _URC_END_OF_STACK;
  walk.addresses[walk.count++] = _Unwind_GetIP(frame);
  return _URC_NO_REASON;
}
}  // namespace

void prepare_stack_walk() noexcept {
  std::uintptr_t addresses[4];
  (void)walk_stack(addresses, 4);
}

int walk_stack(std::uintptr_t* addresses, int most) noexcept {
  Walk walk{addresses, most};
  _Unwind_Backtrace(note, &walk);
  return walk.count;
}

}  // namespace limelight::profiling
