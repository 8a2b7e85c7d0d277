// `limelight trace ...`: the commands that work on trace files and need no pipeline.
#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace limelight::cli {

class TraceCommands {
 public:
  explicit TraceCommands(CLI::App& app);
  // Runs the command that was chosen; call it after parsing. Returns the exit code: 0 done, 1 a
  // file is not valid or cannot be read or written.
  int run() const;

 private:
  int validate() const;
  int summary() const;
  int diff() const;
  int recover() const;
  int merge() const;
  int report() const;
  int open() const;

  CLI::App *validate_ = nullptr, *summary_ = nullptr, *recover_ = nullptr, *merge_ = nullptr,
           *diff_ = nullptr, *report_ = nullptr, *open_ = nullptr;
  std::vector<std::filesystem::path> files_, before_, after_, beside_;
  std::string request_, session_, beside_session_;
  std::vector<std::string> readers_;
  std::filesystem::path out_, report_out_;
  bool force_ = false, json_ = false, csv_ = false, by_stage_ = false, by_shape_ = false;
  int port_ = 9001;
  bool browser_ = true;
};

}  // namespace limelight::cli
