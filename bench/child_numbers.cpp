#include "bench/child_numbers.hpp"

#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "base/whole_number.hpp"

namespace limelight::bench {

double cpu_ms(int pid) {
  double ns = 0;
  std::error_code gone;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/" + std::to_string(pid) + "/task", gone)) {
    double of_thread = 0;
    std::ifstream(task.path() / "schedstat") >> of_thread;
    ns += of_thread;
  }
  return ns / 1e6;
}

std::vector<int> processes(const Omni& omni) {
  std::vector<int> pids{getpid()};
  for (int rank = 0; rank < omni.config().world_size(); ++rank) pids.push_back(omni.rank_pid(rank));
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    std::string name;
    std::getline(std::ifstream(entry.path() / "comm"), name);
    const auto pid = whole_number<int>(entry.path().filename().string(), 1);
    if (pid && name == "limelight-broke") pids.push_back(*pid);
  }
  return pids;
}

double cpu_ms(const std::vector<int>& pids) {
  double sum = 0;
  for (const int pid : pids) sum += cpu_ms(pid);
  return sum;
}

double anonymous_bytes(int pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("RssAnon:")) return 1024 * std::stod(line.substr(8));
  return 0;
}

Result<std::vector<double>> in_child(const std::function<Result<std::vector<double>>()>& body) {
  int ends[2];
  if (::pipe(ends) != 0) return Error{ErrorCode::io, "cannot make a pipe"};
  const pid_t child = ::fork();
  if (child == 0) {
    ::close(ends[0]);
    const auto numbers = body();
    std::ostringstream out;
    out.precision(17);
    if (numbers)
      for (const double one : *numbers) out << one << " ";
    else
      out << "error " << static_cast<int>(numbers.error().code) << " " << numbers.error().message;
    const std::string text = out.str();
    (void)!::write(ends[1], text.data(), text.size());
    ::_exit(0);
  }
  ::close(ends[1]);
  std::string text;
  char bytes[4096];
  for (ssize_t n; (n = ::read(ends[0], bytes, sizeof bytes)) > 0;)
    text.append(bytes, static_cast<std::size_t>(n));
  ::close(ends[0]);
  ::waitpid(child, nullptr, 0);
  if (text.empty()) return Error{ErrorCode::internal, "the process that measured has failed"};
  std::istringstream in(text);
  if (std::string word; text.starts_with("error ") && in >> word) {
    int code = 0;
    in >> code;
    std::getline(in >> std::ws, word, '\0');
    return Error{static_cast<ErrorCode>(code), word};
  }
  std::vector<double> all;
  for (double one = 0; in >> one;) all.push_back(one);
  return all;
}

}  // namespace limelight::bench
