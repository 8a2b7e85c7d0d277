# A file as a constant of namespace limelight::profiling:
#   cmake -D IN=page.html -D OUT=page.cpp -D NAME=report_page -P embed.cmake
file(READ "${IN}" text)
file(WRITE "${OUT}"
  "namespace limelight::profiling {\n"
  "extern const char ${NAME}[];\n"
  "const char ${NAME}[] = R\"~~~(${text})~~~\";\n"
  "}  // namespace limelight::profiling\n")
