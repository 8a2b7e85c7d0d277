// Replaces iceoryx's mutex by one that survives the death of its owner.
//
// iceoryx 2.0 shares plain mutexes among processes. A process that is killed inside a publish
// leaves one locked for ever; the broker then cannot clean up after it, and ends itself. iceoryx's
// mutex is a class in a shared library with five functions. This library defines the same five,
// which take their place in every program that is linked with it. The only difference is that the
// mutex is robust (POSIX, pthread_mutexattr_setrobust): the next process that locks it gets it. The
// data behind the mutex is consistent then, because iceoryx uses lock-free queues and takes the
// mutex only to keep their list unchanged and to wake waiting threads.
#pragma once

namespace limelight::ipc {

// Call it before iceoryx is used. It does nothing, but makes the linker include the functions.
void use_robust_mutexes() noexcept;

}  // namespace limelight::ipc
