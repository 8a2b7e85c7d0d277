#include "ipc/iceoryx/robust_mutex.hpp"

#include <pthread.h>

#include <cerrno>
#include <cstdlib>
#include <iceoryx_hoofs/internal/posix_wrapper/mutex.hpp>

#include "base/log.hpp"

namespace limelight::ipc {
void use_robust_mutexes() noexcept {}
}  // namespace limelight::ipc

namespace iox::posix {

namespace {
// True if this thread has the lock now, even if the previous owner died with it.
bool held(pthread_mutex_t& handle, int status) noexcept {
  return status == 0 || (status == EOWNERDEAD && pthread_mutex_consistent(&handle) == 0);
}
}  // namespace

mutex::mutex(const bool recursive) noexcept {
  pthread_mutexattr_t attributes;
  const bool made = pthread_mutexattr_init(&attributes) == 0 &&
                    pthread_mutexattr_setpshared(&attributes, PTHREAD_PROCESS_SHARED) == 0 &&
                    pthread_mutexattr_settype(&attributes, recursive ? PTHREAD_MUTEX_RECURSIVE
                                                                     : PTHREAD_MUTEX_NORMAL) == 0 &&
                    pthread_mutexattr_setrobust(&attributes, PTHREAD_MUTEX_ROBUST) == 0 &&
                    pthread_mutex_init(&m_handle, &attributes) == 0;
  if (!made) {
    limelight::log(limelight::LogLevel::error,
                   "cannot make a robust mutex that processes can share");
    std::abort();
  }
  pthread_mutexattr_destroy(&attributes);
}
mutex::~mutex() noexcept { pthread_mutex_destroy(&m_handle); }

pthread_mutex_t mutex::get_native_handle() const noexcept { return m_handle; }
bool mutex::lock() noexcept { return held(m_handle, pthread_mutex_lock(&m_handle)); }
bool mutex::try_lock() noexcept { return held(m_handle, pthread_mutex_trylock(&m_handle)); }
bool mutex::unlock() noexcept { return pthread_mutex_unlock(&m_handle) == 0; }

}  // namespace iox::posix
