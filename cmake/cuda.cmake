# LIMELIGHT_CUDA: AUTO takes CUDA where the toolkit is, ON insists, OFF goes without. Sets
# LIMELIGHT_HAS_CUDA and the target limelight_cuda (headers and the static runtime). CUPTI and NCCL
# are compiled against and loaded at run time, so that one binary serves machines with and without a
# GPU.
set(LIMELIGHT_CUDA AUTO CACHE STRING "AUTO, ON or OFF")
set_property(CACHE LIMELIGHT_CUDA PROPERTY STRINGS AUTO ON OFF)
set(LIMELIGHT_HAS_CUDA OFF)
if(LIMELIGHT_CUDA)
  find_program(LIMELIGHT_NVCC nvcc HINTS /usr/local/cuda/bin ENV CUDA_PATH PATH_SUFFIXES bin)
  if(LIMELIGHT_NVCC AND NOT CMAKE_CUDA_COMPILER)
    set(CMAKE_CUDA_COMPILER ${LIMELIGHT_NVCC})
  endif()
  include(CheckLanguage)
  check_language(CUDA)
  if(CMAKE_CUDA_COMPILER)
    if(NOT CMAKE_CUDA_ARCHITECTURES)
      set(CMAKE_CUDA_ARCHITECTURES 80 90)
    endif()
    enable_language(CUDA)
    find_package(CUDAToolkit)
    find_path(NCCL_INCLUDE_DIR nccl.h HINTS ${CUDAToolkit_INCLUDE_DIRS})
    find_path(CUPTI_INCLUDE_DIR cupti.h HINTS
      ${CUDAToolkit_INCLUDE_DIRS}
      ${CUDAToolkit_LIBRARY_ROOT}/extras/CUPTI/include)
    if(CUDAToolkit_FOUND AND NCCL_INCLUDE_DIR AND CUPTI_INCLUDE_DIR)
      set(LIMELIGHT_HAS_CUDA ON)
      add_library(limelight_cuda INTERFACE)
      target_include_directories(limelight_cuda SYSTEM INTERFACE
        ${CUDAToolkit_INCLUDE_DIRS}
        ${NCCL_INCLUDE_DIR}
        ${CUPTI_INCLUDE_DIR})
      target_compile_definitions(limelight_cuda INTERFACE
        LIMELIGHT_HAS_CUDA)
    endif()
  endif()
  if(NOT LIMELIGHT_HAS_CUDA AND NOT LIMELIGHT_CUDA STREQUAL AUTO)
    message(FATAL_ERROR
      "LIMELIGHT_CUDA is ${LIMELIGHT_CUDA}, but nvcc, the CUDA toolkit, nccl.h or cupti.h was not "
      "found: install them, or configure with -DLIMELIGHT_CUDA=OFF")
  endif()
endif()
message(STATUS
  "CUDA device, CUPTI and NCCL: ${LIMELIGHT_HAS_CUDA} (LIMELIGHT_CUDA=${LIMELIGHT_CUDA})")
