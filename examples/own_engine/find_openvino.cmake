# Finds OpenVINO where CMake looks, or in the wheel that `pip install openvino` has put into the
# python of ${LIMELIGHT_PYTHON} or of the path. Sets OpenVINO_FOUND, and the target
# openvino::runtime.
find_package(OpenVINO QUIET COMPONENTS Runtime)
foreach(python $ENV{LIMELIGHT_PYTHON} ${CMAKE_SOURCE_DIR}/build/oracle/bin/python python3)
  if(OpenVINO_FOUND)
    break()
  endif()
  execute_process(
    COMMAND ${python} -c
      "import importlib.util as u; print(u.find_spec('openvino').submodule_search_locations[0])"
    OUTPUT_VARIABLE wheel
    OUTPUT_STRIP_TRAILING_WHITESPACE
    RESULT_VARIABLE failed
    ERROR_QUIET)
  if(failed STREQUAL "0")
    find_package(OpenVINO QUIET COMPONENTS Runtime PATHS ${wheel}/cmake NO_DEFAULT_PATH)
  endif()
endforeach()
