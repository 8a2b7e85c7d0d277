# A file as a constant:
#   cmake -D IN=page.html -D OUT=page.cpp -D NAME=page -D NAMESPACE=limelight::http -P embed.cmake
file(READ "${IN}" text)
file(WRITE "${OUT}"
  "namespace ${NAMESPACE} {\n"
  "extern const char ${NAME}[];\n"
  "const char ${NAME}[] = R\"~~~(${text})~~~\";\n"
  "}  // namespace ${NAMESPACE}\n")
