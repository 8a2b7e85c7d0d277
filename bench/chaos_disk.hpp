// A small disk for traces, which can be filled.
#pragma once

#include <cstdint>
#include <filesystem>

namespace limelight::bench {

class SmallDisk {
 public:
  // Mounts one over the folder, for this process and its children alone, and before this process
  // has threads. Where that is not allowed the folder stays as it is.
  SmallDisk(std::filesystem::path folder, std::uint64_t bytes);
  ~SmallDisk();
  SmallDisk(const SmallDisk&) = delete;
  bool mounted() const noexcept { return mounted_; }
  void fill() const;  // to the last byte
  void empty() const;

 private:
  std::filesystem::path folder_;
  bool mounted_ = false;
};

}  // namespace limelight::bench
