#define LIMELIGHT_KERNELS avx512bf16_kernels
#define LIMELIGHT_KERNELS_NAME "avx512bf16"
#include "stages/devices/cpu/cpu_kernels_impl.hpp"
