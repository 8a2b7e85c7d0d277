#include "bench/peer.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>

#include "base/helper.hpp"

extern char** environ;

namespace limelight::bench {

namespace {

std::optional<nlohmann::json> run(std::vector<std::string> words) {
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, ends[1], 1);
  posix_spawn_file_actions_addopen(&files, 2, "/dev/null", O_WRONLY, 0);
  pid_t pid = 0;
  const bool started = posix_spawnp(&pid, argv[0], &files, nullptr, argv.data(), environ) == 0;
  posix_spawn_file_actions_destroy(&files);
  ::close(ends[1]);
  std::string text;
  char buffer[4096];
  for (ssize_t n; started && (n = ::read(ends[0], buffer, sizeof buffer)) > 0;)
    text.append(buffer, static_cast<std::size_t>(n));
  ::close(ends[0]);
  int status = 0;
  if (!started || ::waitpid(pid, &status, 0) != pid || !WIFEXITED(status) ||
      WEXITSTATUS(status) != 0)
    return std::nullopt;
  auto json = nlohmann::json::parse(text, nullptr, false);
  return json.is_object() ? std::optional(std::move(json)) : std::nullopt;
}

}  // namespace

std::optional<nlohmann::json> run_peer(const std::string& script,
                                       const std::vector<std::string>& arguments) {
  const auto path = find_shared("peers/" + script);
  if (!path) return std::nullopt;
  const char* python = std::getenv("LIMELIGHT_PYTHON");
  std::vector<std::string> words{python != nullptr ? python : "python3", path->string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return run(std::move(words));
}

std::optional<nlohmann::json> run_lttng() {
  const auto script = find_shared("peers/lttng.sh");
  const auto program = find_helper("bench_lttng_span");
  if (!script || !program) return std::nullopt;
  return run({"sh", script->string(), program->string()});
}

}  // namespace limelight::bench
