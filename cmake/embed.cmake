# cmake -D IN=page.html -D OUT=page.cpp -D NAME=report_page -P embed.cmake: a file as a constant of namespace limelight::profiling.
file(READ "${IN}" text)
file(WRITE "${OUT}" "namespace limelight::profiling {\nextern const char ${NAME}[];\nconst char ${NAME}[] = R\"~~~(${text})~~~\";\n}  // namespace limelight::profiling\n")
