// The commands of docs/http.md, as they stand there.
#include <sstream>

#include "tests/http/served.hpp"

using namespace limelight::tests;

namespace {

// The commands that begin with curl, each in one line.
std::vector<std::string> commands_of(const std::string& page) {
  std::vector<std::string> commands;
  std::istringstream lines(page);
  bool open = false;
  for (std::string line; std::getline(lines, line);) {
    const std::string text = line.starts_with("    ") ? line.substr(4) : "";
    open = open && !text.empty();
    if (text.starts_with("curl ")) commands.push_back(text), open = true;
    else if (open) commands.back() += " " + text;
  }
  return commands;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(docs)

BOOST_AUTO_TEST_CASE(each_command_of_the_page_does_what_it_says) {
  const auto commands = commands_of(read_file(HTTP_PAGE));
  BOOST_REQUIRE(commands.size() > 8u);
  Served served;
  std::map<std::string, std::string> outputs;
  for (std::string command : commands) {
    const auto replace = [&](const std::string& from, const std::string& to) {
      for (auto at = command.find(from); at != std::string::npos; at = command.find(from, at))
        command.replace(at, from.size(), to), at += to.size();
    };
    const std::string shown = command;
    replace("http://127.0.0.1:8091", served.url(""));
    if (command.find("/FILE") != std::string::npos) {
      const json files = served.get("/profiles").document()["data"];
      for (const json& file : files)
        if (file["file"].get<std::string>().ends_with(".gz")) replace("FILE", file["file"]);
    }
    replace("curl ", "curl -sS --fail-with-body ");
    const Ran ran = run("cd " + served.folder().path.string() + " && " + command);
    BOOST_TEST(ran.code == 0, shown + "\n" + ran.output);
    // So that stage 1 has something to do while it is profiled.
    if (shown.find("/start_profile") != std::string::npos)
      served.post("/v1/audio/speech", {{"input", "x"}, {"max_tokens", 5}});
    const auto at = shown.find("8091") + 4;
    outputs[shown.substr(at, shown.find(' ', at) - at)] = ran.output;
  }
  BOOST_TEST(json::parse(outputs["/v1/completions"])["choices"].size() == 4u);
  BOOST_TEST(json::parse(outputs["/stop_profile"])["traces"][0]["events"].get<int>() > 0);
  BOOST_TEST(outputs["/metrics"].find("limelight:num_requests_running") != std::string::npos);
  BOOST_TEST(read_file(served.folder().path / "report.html").find("Limelight report") !=
             std::string::npos);
  BOOST_TEST(read_file(served.folder().path / "hello.wav").starts_with("RIFF"));
}

BOOST_AUTO_TEST_SUITE_END()
