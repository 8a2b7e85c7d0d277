# Fails where a folder includes a header of a folder that it must not know: arrows run downward only
# (docs/architecture.md). Every folder may include the public headers, <limelight/...>, and itself.
# Needs: SOURCE, the project's root.
cmake_minimum_required(VERSION 3.25)
set(knows_include/limelight)
set(knows_base)
set(knows_profiling/record base)
set(knows_profiling/trace profiling/record base)
set(knows_profiling/cupti profiling/record base)
set(knows_profiling/capture profiling/trace profiling/record base)
set(knows_profiling/analysis profiling/trace profiling/record base)
set(knows_ipc profiling/record base)
set(knows_ipc/iceoryx ipc ${knows_ipc})
set(knows_ipc/network ipc/iceoryx ${knows_ipc/iceoryx})
set(knows_stages/devices ipc profiling/record base)
set(knows_stages/devices/cpu stages/devices ${knows_stages/devices})
set(knows_stages/devices/cuda stages/devices ${knows_stages/devices})
set(knows_stages/media base)
set(knows_stages/models/jinja base)
set(knows_stages/models stages/media stages/models/jinja stages/devices ${knows_stages/devices})
set(knows_stages/deploy stages/models ${knows_stages/models})
set(knows_stages stages/deploy stages/models ${knows_stages/models})
set(knows_actors/pipeline stages ipc/network ipc/iceoryx ipc profiling/record base)
set(knows_actors/rank
  actors/pipeline stages stages/devices ipc/iceoryx ipc
  profiling/capture profiling/cupti profiling/trace profiling/record base)
set(knows_actors/orchestrator
  actors/pipeline ipc/network ipc/iceoryx ipc
  profiling/analysis profiling/capture profiling/trace profiling/record base)
set(knows_actors/node actors/orchestrator ${knows_actors/orchestrator})
set(knows_actors/api actors/orchestrator actors/pipeline base)
set(knows_actors/formats stages/models base)
set(knows_actors/telemetry base)
set(knows_actors/http actors/telemetry actors/formats base)
set(knows_bench
  actors/formats actors/orchestrator actors/pipeline ipc/iceoryx ipc stages/models stages/devices
  profiling/analysis profiling/capture profiling/trace profiling/record base)
set(knows_bench/load profiling/analysis base)
set(knows_bench/count
  bench actors/http actors/rank actors/pipeline ipc/iceoryx ipc profiling/trace profiling/record
  base)
set(knows_bench/performance bench base)
list(APPEND knows_bench bench/load bench/count bench/performance)
set(knows_cli
  actors/node actors/http actors/telemetry actors/formats stages/models
  profiling/analysis profiling/record base)

set(wrong 0)
set(seen 0)
foreach(room include base profiling ipc stages actors bench cli)
  file(GLOB_RECURSE sources RELATIVE ${SOURCE}
    ${SOURCE}/${room}/*.cpp
    ${SOURCE}/${room}/*.hpp
    ${SOURCE}/${room}/*.cu)
  foreach(source ${sources})
    get_filename_component(folder ${source} DIRECTORY)
    if(NOT DEFINED knows_${folder} AND NOT folder MATCHES "^(base|include/limelight)$")
      message("${source}: the folder ${folder} is not in the list of this test")
      math(EXPR wrong "${wrong} + 1")
      continue()
    endif()
    file(STRINGS ${SOURCE}/${source} lines REGEX "^#include \"")
    foreach(line ${lines})
      math(EXPR seen "${seen} + 1")
      string(REGEX REPLACE "^#include \"([^\"]+)\".*" "\\1" header "${line}")
      get_filename_component(from ${header} DIRECTORY)
      if(NOT from STREQUAL folder AND NOT from IN_LIST knows_${folder})
        message("${source}: includes ${header}; ${folder} may include: ${knows_${folder}}")
        math(EXPR wrong "${wrong} + 1")
      elseif(NOT EXISTS ${SOURCE}/${header})
        message("${source}: includes ${header}, which is not there: name it from the root")
        math(EXPR wrong "${wrong} + 1")
      endif()
    endforeach()
  endforeach()
endforeach()
if(wrong GREATER 0)
  message(FATAL_ERROR "${wrong} includes run upward or sideways")
endif()
if(seen LESS 100)
  message(FATAL_ERROR "found ${seen} includes in ${SOURCE}: is it the project's root?")
endif()
message("${seen} includes, all of them downward")
