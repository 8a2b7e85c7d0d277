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
  -D SOURCES=${WORK}
  -D OWN_STAGE=${SOURCE}/examples/own_stage/own_stage.cpp)
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

# A stage of a user's, built outside of both trees against the installed headers.
file(COPY ${SOURCE}/examples/own_stage DESTINATION ${WORK})
run(${CMAKE_COMMAND}
  -S ${WORK}/own_stage
  -B ${WORK}/own_stage/build
  -G ${GENERATOR}
  -D CMAKE_PREFIX_PATH=${WORK}/prefix)
run(${CMAKE_COMMAND} --build ${WORK}/own_stage/build)
links_none(${WORK}/own_stage/build/own_stage.so "caf|iceoryx|limelight|yaml")
run(${WORK}/prefix/bin/limelight run
  --config ${WORK}/own_stage/own_stage.yaml
  --prompt "one two three"
  --profile all
  --profile-dir ${WORK}/own_traces
  --output-dir ${WORK}/own_out)
file(READ ${WORK}/own_out/0.txt answer)
if(NOT answer MATCHES "^three two one\n?$")
  message(FATAL_ERROR "own_stage: found '${answer}', expected 'three two one'")
endif()
file(GLOB traces ${WORK}/own_traces/*.pt.trace.json.gz)
run(${WORK}/prefix/bin/limelight trace validate ${traces})
execute_process(
  COMMAND ${WORK}/prefix/bin/limelight trace summary ${traces}
  OUTPUT_VARIABLE summary
  COMMAND_ERROR_IS_FATAL ANY)
if(NOT summary MATCHES "reverse")
  message(FATAL_ERROR "own_stage: its span is not in the trace:\n${summary}")
endif()

# A program of a user's that hosts ranks: with a stage that is linked into it, and with the library.
file(READ ${WORK}/own_stage/own_stage.yaml config)
file(WRITE ${WORK}/own_stage/library.yaml "${config}")
string(REGEX REPLACE "    library:[^\n]*\n" "" config "${config}")
file(WRITE ${WORK}/own_stage/linked.yaml "${config}")
foreach(kind library linked)
  execute_process(
    COMMAND ${WORK}/build/host ${WORK}/own_stage/${kind}.yaml "by ${kind}"
    OUTPUT_VARIABLE answer
    COMMAND_ERROR_IS_FATAL ANY)
  if(NOT answer STREQUAL "${kind} by\n")
    message(FATAL_ERROR "host, ${kind}: found '${answer}', expected '${kind} by'")
  endif()
endforeach()

# Services of a user's: with actors of its own, also from another process, and on Boost.Asio.
file(COPY ${SOURCE}/examples/service DESTINATION ${WORK})
run(${CMAKE_COMMAND}
  -S ${WORK}/service
  -B ${WORK}/service/build
  -G ${GENERATOR}
  -D CMAKE_BUILD_TYPE=RelWithDebInfo
  -D CMAKE_PREFIX_PATH=${WORK}/prefix)
run(${CMAKE_COMMAND} --build ${WORK}/service/build)
run(${SOURCE}/tests/package/services.sh
  ${WORK}/service/build
  ${WORK}/prefix/share/limelight/configs/omni_tiny.yaml
  ${WORK}/prefix/bin/limelight
  ${WORK}/service)
file(REMOVE_RECURSE ${WORK})
