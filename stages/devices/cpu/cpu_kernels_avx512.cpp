#define LIMELIGHT_KERNELS avx512_kernels
#define LIMELIGHT_KERNELS_NAME "avx512"
#include "stages/devices/cpu/cpu_kernels_impl.hpp"
