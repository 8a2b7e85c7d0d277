# Installs the build, takes the C++ programs out of the README, builds them against the installed
# package and runs them as a user would; looks at what is installed and what it links.
# Needs: BUILD, SOURCE (the project's folders), WORK (a folder of its own), GENERATOR.
cmake_minimum_required(VERSION 3.25)
file(REMOVE_RECURSE ${WORK})
file(MAKE_DIRECTORY ${WORK})
function(run)
  execute_process(COMMAND ${ARGN} WORKING_DIRECTORY ${WORK} COMMAND_ERROR_IS_FATAL ANY)
endfunction()
run(${CMAKE_COMMAND} --install ${BUILD} --prefix ${WORK}/prefix)

file(READ ${SOURCE}/README.md readme)
string(REPLACE ";" "<semicolon>" readme "${readme}")  # CMake splits at them
string(REPLACE "[" "<open>" readme "${readme}")       # and keeps what brackets enclose together
string(REPLACE "]" "<close>" readme "${readme}")
set(programs)
foreach(n 1 2)
  string(FIND "${readme}" "```cpp\n" start)
  if(start EQUAL -1)
    message(FATAL_ERROR "README.md: found ${n} programs less one, expected two")
  endif()
  math(EXPR start "${start} + 7")
  string(SUBSTRING "${readme}" ${start} -1 readme)
  string(FIND "${readme}" "```" end)
  string(SUBSTRING "${readme}" 0 ${end} text)
  string(REPLACE "<semicolon>" ";" text "${text}")
  string(REPLACE "<open>" "[" text "${text}")
  string(REPLACE "<close>" "]" text "${text}")
  file(WRITE ${WORK}/program_${n}.cpp "${text}")
  list(APPEND programs program_${n})
endforeach()

# All that is installed to include from are the public headers.
file(GLOB_RECURSE headers RELATIVE ${WORK}/prefix/include ${WORK}/prefix/include/*)
file(GLOB public RELATIVE ${SOURCE}/include ${SOURCE}/include/limelight/*.hpp)
if(NOT headers STREQUAL public)
  message(FATAL_ERROR "installed are ${headers}, expected ${public}")
endif()
list(JOIN headers "\n" lines)
file(WRITE ${WORK}/headers.txt "${lines}\n")

run(${CMAKE_COMMAND}
  -S ${SOURCE}/tests/package
  -B ${WORK}/build
  -G ${GENERATOR}
  -D CMAKE_BUILD_TYPE=RelWithDebInfo
  -D CMAKE_PREFIX_PATH=${WORK}/prefix
  -D SOURCES=${WORK})
run(${CMAKE_COMMAND} --build ${WORK}/build)

# No library where it does not belong.
function(links_none program libraries)
  execute_process(COMMAND readelf -d ${program} OUTPUT_VARIABLE needed COMMAND_ERROR_IS_FATAL ANY)
  string(REGEX MATCH "NEEDED[^\n]*(${libraries})[^\n]*" found "${needed}")
  if(found)
    message(FATAL_ERROR "${program} must not link ${libraries}: ${found}")
  endif()
endfunction()
set(peers "zmq|lttng|openblas")
links_none(${WORK}/build/traces "caf|iceoryx|yaml|${peers}")
links_none(${WORK}/build/program_1 "roudi|${peers}")
links_none(${WORK}/prefix/bin/limelight "roudi|${peers}")
links_none(${WORK}/prefix/libexec/limelight/limelight-rank "roudi|${peers}")
links_none(${WORK}/prefix/libexec/limelight/limelight-broker "caf|${peers}")

# Nothing that is installed knows where it was built.
execute_process(
  COMMAND grep -rlF -e ${SOURCE}/ -e ${BUILD} ${WORK}/prefix
  OUTPUT_VARIABLE knowing)
if(knowing)
  message(FATAL_ERROR "these name a folder of the source or the build tree:\n${knowing}")
endif()
# Of the installation alone: neither the build nor the source tree is in reach of the programs.
file(MAKE_DIRECTORY ${WORK}/stages)
file(COPY ${WORK}/prefix/share/limelight/configs DESTINATION ${WORK}/stages)
set(ENV{PATH} "${WORK}/prefix/bin:$ENV{PATH}")
foreach(program ${programs})
  file(REMOVE_RECURSE ${WORK}/traces)
  run(${WORK}/build/${program})
  file(GLOB traces ${WORK}/traces/*.pt.trace.json.gz)
  list(LENGTH traces count)
  if(NOT count EQUAL 2)
    message(FATAL_ERROR
      "${program}: found ${count} traces, expected one for each of the stages 0 and 2")
  endif()
  run(${WORK}/prefix/bin/limelight trace validate ${traces})
  run(${WORK}/build/traces ${traces})
endforeach()
run(${WORK}/prefix/bin/limelight run --prompt "installed")
run(${WORK}/prefix/bin/limelight --version)
file(REMOVE_RECURSE ${WORK})
