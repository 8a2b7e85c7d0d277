# LIMELIGHT_OPENVINO: AUTO builds examples/own_engine where OpenVINO is, and examples/voice where
# libespeak-ng is as well, ON insists on OpenVINO, OFF goes without. The library knows neither.
set(LIMELIGHT_OPENVINO AUTO CACHE STRING "AUTO, ON or OFF")
set_property(CACHE LIMELIGHT_OPENVINO PROPERTY STRINGS AUTO ON OFF)
set(OpenVINO_FOUND FALSE)
# A user builds them source by source.
set(unity ${CMAKE_UNITY_BUILD})
set(CMAKE_UNITY_BUILD OFF)
if(LIMELIGHT_OPENVINO)
  add_subdirectory(examples/own_engine)
  add_subdirectory(examples/voice)
  if(NOT OpenVINO_FOUND AND NOT LIMELIGHT_OPENVINO STREQUAL AUTO)
    message(FATAL_ERROR
      "LIMELIGHT_OPENVINO is ${LIMELIGHT_OPENVINO}, but OpenVINO was not found: pip install "
      "openvino, and set LIMELIGHT_PYTHON to that python, or OpenVINO_DIR to the folder of "
      "OpenVINOConfig.cmake; or configure with -DLIMELIGHT_OPENVINO=OFF")
  endif()
endif()
set(CMAKE_UNITY_BUILD ${unity})
message(STATUS
  "OpenVINO for examples/own_engine: ${OpenVINO_FOUND} (LIMELIGHT_OPENVINO=${LIMELIGHT_OPENVINO})")
