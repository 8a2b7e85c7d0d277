// iceoryx's mutex, made to survive its owner.
//
// iceoryx 2.0 shares plain mutexes among processes: a process that is killed inside a publish
// leaves one locked for ever, and the broker, which cannot clean up then, ends itself. Its mutex is
// a class of a shared library with five functions; ours take their place in every program that is
// linked with this library, and differ in one thing: the mutex is robust (POSIX,
// pthread_mutexattr_setrobust), so the next one who locks it gets it. What it guards is in order
// then: iceoryx takes it around lock-free queues, to keep a list of them still and to wake who
// waits.
#pragma once

namespace limelight::ipc {

// Does nothing but bring the functions into the program; called before iceoryx is used.
void use_robust_mutexes() noexcept;

}  // namespace limelight::ipc
