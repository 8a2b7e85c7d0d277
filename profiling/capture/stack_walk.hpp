// The calls that a thread is in, by the unwinder of the compiler's runtime (libgcc), which every
// C++ program has for its exceptions.
//
// It finds the tables of a library without a lock (_dl_find_object() of glibc 2.35), and allocates
// nothing, so a signal handler may call it wherever the thread was: also in malloc() or dlopen().
// libunwind is faster, but it keeps its cache for each thread in storage that the first use
// allocates: where malloc() is interrupted, that is a deadlock.
#pragma once

#include <cstdint>

namespace limelight::profiling {

// Sets up what the first walk of a process needs. Any thread, before the first signal.
void prepare_stack_walk() noexcept;

// The return addresses of the calling thread, the innermost first, those of the walk itself
// included; their number. Below a signal handler follow the kernel's way into it, and the address
// that was interrupted.
int walk_stack(std::uintptr_t* addresses, int most) noexcept;

}  // namespace limelight::profiling
