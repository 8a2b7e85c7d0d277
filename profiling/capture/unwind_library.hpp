// The names of functions, also of those that a library does not export, by libunwind. It is loaded
// when stacks are asked for the first time: a program that links it would get its exceptions from
// it, too, because it defines what the compiler's runtime defines. stack_walk.hpp walks the stacks.
#pragma once

#include <cstdint>
#include <limelight/result.hpp>
#include <string>
#include <vector>

namespace limelight::profiling {

// A function of this process: its name, and where its code is.
struct NativeFunction {
  std::string name;  // demangled; such as "[libc.so.6+0x1234]" if nothing names it
  std::uintptr_t begin = 0, end = 0;
};

class UnwindLibrary {
 public:
  // Errors: unavailable (it is not installed, or too old).
  static Result<const UnwindLibrary*> get();

  // Slow: it reads files. Not in a signal handler.
  NativeFunction function_at(std::uintptr_t address) const;

 private:
  UnwindLibrary() = default;
  void* get_context_ = nullptr;
  void *init_ = nullptr, *set_register_ = nullptr, *get_name_ = nullptr, *get_info_ = nullptr,
       *address_space_ = nullptr;
};

}  // namespace limelight::profiling
