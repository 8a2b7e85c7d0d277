#include "profiling/capture/stack_walk.hpp"

#include <unwind.h>

namespace limelight::profiling {

namespace {
struct Walk {
  void** addresses;
  int most, count = 0;
};

_Unwind_Reason_Code note(_Unwind_Context* frame, void* argument) {
  Walk& walk = *static_cast<Walk*>(argument);
  if (walk.count == walk.most) return _URC_END_OF_STACK;
  walk.addresses[walk.count++] = reinterpret_cast<void*>(_Unwind_GetIP(frame));
  return _URC_NO_REASON;
}
}  // namespace

void prepare_stack_walk() noexcept {
  void* addresses[4];
  (void)walk_stack(addresses, 4);
}

int walk_stack(void** addresses, int most) noexcept {
  Walk walk{addresses, most};
  _Unwind_Backtrace(note, &walk);
  return walk.count;
}

}  // namespace limelight::profiling
