# What `cmake --install` puts where. The helpers of a run are no commands of their own, so they go
# to libexec.
include(CMakePackageConfigHelpers)
get_property(libraries GLOBAL PROPERTY LIMELIGHT_LIBRARIES)
install(TARGETS ${libraries} limelight_stage EXPORT limelight)
install(TARGETS limelight)
set(helpers limelight-rank limelight-broker)
if(LIMELIGHT_BENCH)
  list(APPEND helpers limelight-bench)
  install(DIRECTORY bench/peers DESTINATION ${CMAKE_INSTALL_DATADIR}/limelight)
endif()
install(TARGETS ${helpers} DESTINATION ${CMAKE_INSTALL_LIBEXECDIR}/limelight)
install(DIRECTORY include/limelight DESTINATION ${CMAKE_INSTALL_INCLUDEDIR})
install(DIRECTORY stages/configs DESTINATION ${CMAKE_INSTALL_DATADIR}/limelight)

set(package ${CMAKE_INSTALL_LIBDIR}/cmake/limelight)
install(EXPORT limelight
  NAMESPACE limelight::
  FILE limelight-targets.cmake
  DESTINATION ${package})
write_basic_package_version_file(limelight-config-version.cmake COMPATIBILITY SameMinorVersion)
configure_file(cmake/limelight-config.cmake.in limelight-config.cmake @ONLY)
install(
  FILES
    ${PROJECT_BINARY_DIR}/limelight-config.cmake
    ${PROJECT_BINARY_DIR}/limelight-config-version.cmake
    cmake/FindCAF.cmake
    cmake/plugin_symbols.txt
  DESTINATION ${package})
