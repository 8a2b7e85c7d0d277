// The process of one rank, or one that says which ports a stage has; started by Limelight alone.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limelight/rank.hpp>
#include <sstream>
#include <string_view>

#include "actors/pipeline/rank_argument.hpp"
#include "actors/rank/rank.hpp"
#include "base/log.hpp"
#include "base/whole_number.hpp"
#include "stages/plugin_description.hpp"
#include "stages/plugin_library.hpp"

namespace {
template <class Number>
bool read_number(const std::string& text, Number least, Number& number) {
  const auto read = limelight::whole_number<Number>(text, least);
  number = read.value_or(number);
  return read.has_value();
}

// "1.0,2.3": replica 0 of stage 1, and replica 3 of stage 2.
bool read_replicas(const std::string& list, std::vector<limelight::actors::ReplicaName>& to) {
  std::istringstream in(list);
  for (std::string word; std::getline(in, word, ',');) {
    const auto dot = word.find('.');
    limelight::actors::ReplicaName name;
    if (dot == std::string::npos || !read_number(word.substr(0, dot), 0, name.stage) ||
        !read_number(word.substr(dot + 1), 0, name.replica))
      return false;
    to.push_back(name);
  }
  return true;
}

bool is_question(int argc, char** argv) {
  return argc == 3 && argv[1] == std::string_view(limelight::stages::describe_argument);
}
}  // namespace

bool limelight::started_as_rank(int argc, char** argv) {
  return is_question(argc, argv) ||
         (argc > 1 && argv[argc - 1] == std::string_view(actors::rank_argument));
}

int limelight::rank_main(int argc, char** argv, const stages::PluginTypes& types) {
  log_to_stderr();
  stages::host_types(types);
  if (is_question(argc, argv)) {
    const int status = stages::answer_description(argv[2]);
    std::fflush(nullptr);
    std::_Exit(status);  // the answer is given, whatever a library would do at its end
  }
  if (started_as_rank(argc, argv)) --argc;
  limelight::actors::RankOptions options;
  std::chrono::milliseconds::rep flight = 0;
  if (argc != 10 || *argv[1] == '\0' || !read_number(argv[2], 0, options.rank) ||
      *argv[3] == '\0' || *argv[4] == '\0' || !read_number(argv[5], 0, options.lifeline_fd) ||
      !read_number(argv[6], decltype(flight){0}, flight) ||
      !read_number(argv[7], std::size_t{0}, options.flight_records) ||
      !read_number(argv[8], 0, options.incarnation) || !read_replicas(argv[9], options.absent)) {
    std::fprintf(stderr, "this program is started by Limelight itself; run `limelight --help`\n");
    return 2;
  }
  options.config = argv[1];
  options.control = argv[3];
  options.run = argv[4];
  options.flight = std::chrono::milliseconds(flight);
  return limelight::actors::run_rank(options);
}
