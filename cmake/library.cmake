# limelight_library(<name> SOURCES ... PUBLIC ... PRIVATE ...): the target limelight_<name>, which
# the project calls limelight::<name>. One target a folder: what a folder may include is what its
# target links.
function(limelight_library name)
  cmake_parse_arguments(ARG "" "" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(limelight_${name} STATIC ${ARG_SOURCES})
  add_library(limelight::${name} ALIAS limelight_${name})
  set_target_properties(limelight_${name} PROPERTIES EXPORT_NAME ${name})
  target_compile_features(limelight_${name} PUBLIC cxx_std_20)
  target_include_directories(limelight_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(limelight_${name} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
  set_property(GLOBAL APPEND PROPERTY LIMELIGHT_LIBRARIES limelight_${name})
endfunction()
