# A file as a constant:
#   cmake -D IN=page.html -D OUT=page.cpp -D NAME=page -D NAMESPACE=limelight::http -P embed.cmake
# A line @part.js@ of it, or @part.css@, stands for the file of that name in the folder of IN.
file(READ "${IN}" text)
get_filename_component(folder "${IN}" DIRECTORY)
string(REGEX MATCHALL "@[a-z_]+\\.(js|css)@" parts "${text}")
foreach(part IN LISTS parts)
  string(REPLACE "@" "" name "${part}")
  file(READ "${folder}/${name}" content)
  string(REPLACE "${part}\n" "${content}" text "${text}")
endforeach()
file(WRITE "${OUT}"
  "namespace ${NAMESPACE} {\n"
  "extern const char ${NAME}[];\n"
  "const char ${NAME}[] = R\"~~~(${text})~~~\";\n"
  "}  // namespace ${NAMESPACE}\n")
