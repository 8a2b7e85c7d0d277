#include "profiling/capture/unwind_library.hpp"

#include <cxxabi.h>
#include <dlfcn.h>
#define UNW_LOCAL_ONLY  // the names of the functions that walk this process
#include <libunwind.h>

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <utility>

namespace limelight::profiling {

namespace {
// libunwind's names for what its header calls unw_...; they say for which processor it is.
#define LIMELIGHT_TEXT_(x) #x
#define LIMELIGHT_TEXT(x) LIMELIGHT_TEXT_(x)
constexpr const char* library_name = "libunwind.so.8";

std::string demangled(const char* name) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> plain(
      abi::__cxa_demangle(name, nullptr, nullptr, &status), std::free);
  return status == 0 && plain ? plain.get() : name;
}

std::string unnamed(std::uintptr_t address) {
  Dl_info found{};
  char text[64];
  // NOLINTNEXTLINE(performance-no-int-to-ptr): dladdr() takes a pointer, and only compares it
  if (dladdr(reinterpret_cast<void*>(address), &found) == 0 || found.dli_fname == nullptr) {
    std::snprintf(text, sizeof text, "[0x%lx]", static_cast<unsigned long>(address));
    return text;
  }
  const std::string file = found.dli_fname;
  std::snprintf(
      text, sizeof text, "+0x%lx]",
      static_cast<unsigned long>(address - reinterpret_cast<std::uintptr_t>(found.dli_fbase)));
  return std::string(1, '[').append(file, file.rfind('/') + 1).append(text);
}
}  // namespace

Result<const UnwindLibrary*> UnwindLibrary::get() {
  static std::mutex mutex;
  static UnwindLibrary* loaded = nullptr;  // never unloaded: a signal may use it at any time
  const std::lock_guard lock(mutex);
  if (loaded != nullptr) return loaded;
  const auto missing = [](const char* why) {
    std::string text("call stacks need ");
    text.append(library_name).append(" (Debian: libunwind8): ").append(why);
    return Error{ErrorCode::unavailable, std::move(text)};
  };
  void* handle = dlopen(library_name, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return missing(dlerror());
  std::unique_ptr<UnwindLibrary> library(new UnwindLibrary);
  const auto find = [&](const char* name) { return dlsym(handle, name); };
  library->get_context_ = find(LIMELIGHT_TEXT(UNW_ARCH_OBJ(getcontext)));
  library->init_ = find(LIMELIGHT_TEXT(unw_init_local));
  library->set_register_ = find(LIMELIGHT_TEXT(unw_set_reg));
  library->get_name_ = find(LIMELIGHT_TEXT(unw_get_proc_name));
  library->get_info_ = find(LIMELIGHT_TEXT(unw_get_proc_info_by_ip));
  library->address_space_ = find(LIMELIGHT_TEXT(unw_local_addr_space));
  for (const void* part : {library->get_context_, library->init_, library->set_register_,
                           library->get_name_, library->get_info_, library->address_space_})
    if (part == nullptr) return missing("it lacks a function");
  return loaded = library.release();
}

NativeFunction UnwindLibrary::function_at(std::uintptr_t address) const {
  NativeFunction function{.name = {}, .begin = address, .end = address + 1};
  unw_proc_info_t info{};
  const auto get_info =
      reinterpret_cast<int (*)(unw_addr_space_t, unw_word_t, unw_proc_info_t*, void*)>(get_info_);
  if (get_info(*static_cast<unw_addr_space_t*>(address_space_), address, &info, nullptr) == 0 &&
      info.start_ip <= address && address < info.end_ip) {
    function.begin = info.start_ip;
    function.end = info.end_ip;
  }
  unw_context_t context;
  unw_cursor_t cursor;
  char name[4096];
  unw_word_t offset = 0;
  reinterpret_cast<int (*)(unw_context_t*)>(get_context_)(&context);
  const bool named =
      reinterpret_cast<int (*)(unw_cursor_t*, unw_context_t*)>(init_)(&cursor, &context) == 0 &&
      reinterpret_cast<int (*)(unw_cursor_t*, unw_regnum_t, unw_word_t)>(set_register_)(
          &cursor, UNW_REG_IP, address) == 0 &&
      reinterpret_cast<int (*)(unw_cursor_t*, char*, std::size_t, unw_word_t*)>(get_name_)(
          &cursor, name, sizeof name, &offset) == 0;
  function.name = named ? demangled(name) : unnamed(function.begin);
  return function;
}

}  // namespace limelight::profiling
