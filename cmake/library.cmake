# Headers that most sources include are compiled once, for all targets that are built with the same
# options. ccache has to be told that it may cache such sources.
if(CMAKE_CXX_COMPILER_LAUNCHER MATCHES "ccache$")
  list(PREPEND CMAKE_CXX_COMPILER_LAUNCHER env CCACHE_SLOPPINESS=pch_defines,time_macros)
endif()
add_compile_options($<$<COMPILE_LANG_AND_ID:CXX,GNU>:-fpch-preprocess>)
# What an optimiser makes little of: it halves the time to build large templates. The presets with
# sanitizers optimise little of anything, and compiled headers have to be built alike.
if(LIMELIGHT_SANITIZE)
  set(little_optimised "")
else()
  set(little_optimised $<$<CONFIG:Release,RelWithDebInfo,MinSizeRel>:-O1>)
endif()

# limelight_library(<name> [HEADERS <target>] SOURCES ... PUBLIC ... PRIVATE ...): the target
# limelight_<name>, which the project calls limelight::<name>. One target a folder: what a folder
# may include is what its target links. HEADERS: whose compiled headers it takes, those of
# limelight_base if that is not said; OWN: the caller says which ones.
function(limelight_library name)
  cmake_parse_arguments(ARG "" "HEADERS" "SOURCES;PUBLIC;PRIVATE" ${ARGN})
  add_library(limelight_${name} STATIC ${ARG_SOURCES})
  add_library(limelight::${name} ALIAS limelight_${name})
  set_target_properties(limelight_${name} PROPERTIES EXPORT_NAME ${name})
  target_compile_features(limelight_${name} PUBLIC cxx_std_20)
  target_include_directories(limelight_${name} PUBLIC
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}>
    $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
    $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
  target_link_libraries(limelight_${name} PUBLIC ${ARG_PUBLIC} PRIVATE ${ARG_PRIVATE})
  if(NOT ARG_HEADERS)
    set(ARG_HEADERS limelight_base)
  endif()
  if(NOT ARG_HEADERS STREQUAL OWN)
    target_precompile_headers(limelight_${name} REUSE_FROM ${ARG_HEADERS})
  endif()
  set_property(GLOBAL APPEND PROPERTY LIMELIGHT_LIBRARIES limelight_${name})
endfunction()

# limelight_page(<name> <namespace> <page> [<part>...]): a page of this folder as a constant, in the
# source <name>.cpp of the folder of the build. parts: files that the page includes (embed.cmake).
function(limelight_page name namespace page)
  add_custom_command(
    OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp
    COMMAND ${CMAKE_COMMAND}
      -D IN=${CMAKE_CURRENT_SOURCE_DIR}/${page}
      -D OUT=${CMAKE_CURRENT_BINARY_DIR}/${name}.cpp
      -D NAME=${name}
      -D NAMESPACE=${namespace}
      -P ${PROJECT_SOURCE_DIR}/cmake/embed.cmake
    DEPENDS
      ${page}
      ${ARGN}
      ${PROJECT_SOURCE_DIR}/cmake/embed.cmake)
endfunction()
