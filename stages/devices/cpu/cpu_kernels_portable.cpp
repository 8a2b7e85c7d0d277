#define LIMELIGHT_KERNELS portable_kernels
#define LIMELIGHT_KERNELS_NAME "portable"
#include "stages/devices/cpu/cpu_kernels_impl.hpp"
