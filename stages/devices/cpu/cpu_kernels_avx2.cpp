#define LIMELIGHT_KERNELS avx2_kernels
#define LIMELIGHT_KERNELS_NAME "avx2"
#include "stages/devices/cpu/cpu_kernels_impl.hpp"
