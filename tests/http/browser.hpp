// Chromium without a window, driven by chromedriver (https://www.w3.org/TR/webdriver2/).
#pragma once

#include <curl/curl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <thread>

#include "actors/formats/base64.hpp"
#include "tests/support.hpp"

namespace limelight::tests {

class Browser {
 public:
  static bool is_there() { return run("command -v chromium && command -v chromedriver").code == 0; }
  Browser() {
    start_driver();
    const std::string data = "--user-data-dir=" + (folder_.path / "browser").string();
    nlohmann::json chrome;
    chrome["args"] = {"--headless=new",          "--no-sandbox",
                      "--disable-gpu",           "--hide-scrollbars",
                      "--disable-dev-shm-usage", data};
    nlohmann::json always;
    always["goog:chromeOptions"] = chrome;
    nlohmann::json body;
    body["capabilities"]["alwaysMatch"] = always;
    session_ = "/session/" + ask("/session", body)["sessionId"].get<std::string>();
  }
  ~Browser() {
    send("DELETE", session_, {});
    ::kill(driver_, SIGTERM);
    ::waitpid(driver_, nullptr, 0);
    ::close(output_);
  }
  Browser(const Browser&) = delete;

  void open(const std::string& url) { ask(session_ + "/url", {{"url", url}}); }
  // What the script returns.
  nlohmann::json eval(const std::string& script) {
    return ask(session_ + "/execute/sync", {{"script", script}, {"args", nlohmann::json::array()}});
  }
  // Waits until the script returns true.
  bool until(const std::string& condition) {
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (eval("return " + condition) != true) {
      if (std::chrono::steady_clock::now() > end) return false;
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
    }
    return true;
  }
  // As a user does: fails where something lies over it.
  void click(const std::string& selector) {
    const auto found = ask(session_ + "/element", {{"using", "css selector"}, {"value", selector}});
    BOOST_REQUIRE_MESSAGE(found.size() == 1, selector + ": " + found.dump());
    ask(session_ + "/element/" + found.begin()->get<std::string>() + "/click",
        nlohmann::json::object());
  }
  // Goes over to the window that act() opens; close_window() goes back to the first one.
  template <class F>
  void open_window(F act) {
    const auto windows = [this] { return send("GET", session_ + "/window/handles", {})["value"]; };
    const nlohmann::json before = windows();
    act();
    nlohmann::json now = windows();
    const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (now.size() == before.size() && std::chrono::steady_clock::now() < end) now = windows();
    BOOST_REQUIRE(now.size() == before.size() + 1);
    ask(session_ + "/window", {{"handle", now.back()}});
  }
  void close_window() {
    send("DELETE", session_ + "/window", {});
    ask(session_ + "/window",
        {{"handle", send("GET", session_ + "/window/handles", {})["value"].front()}});
  }
  // Of the window, in pixels; dark: what the user prefers.
  void look(int width, int height, bool dark) {
    command("Emulation.setDeviceMetricsOverride",
            {{"width", width}, {"height", height}, {"deviceScaleFactor", 1}, {"mobile", false}});
    const nlohmann::json scheme{{"name", "prefers-color-scheme"},
                                {"value", dark ? "dark" : "light"}};
    nlohmann::json media;
    media["features"] = nlohmann::json::array({scheme});
    command("Emulation.setEmulatedMedia", media);
  }
  // A PNG.
  std::string screenshot() {
    return *formats::from_base64(
        send("GET", session_ + "/screenshot", {})["value"].get<std::string>());
  }

 private:
  void command(const std::string& name, const nlohmann::json& parameters) {
    ask(session_ + "/goog/cdp/execute", {{"cmd", name}, {"params", parameters}});
  }
  void start_driver() {
    int output[2];
    BOOST_REQUIRE(pipe(output) == 0);
    driver_ = fork();
    if (driver_ == 0) {
      dup2(output[1], 1);
      dup2(output[1], 2);
      close(output[0]);
      execlp("chromedriver", "chromedriver", "--port=0", nullptr);
      _exit(127);
    }
    close(output[1]);
    const std::string words = "successfully on port ";
    std::string said;
    std::array<char, 512> buffer;
    std::size_t at = std::string::npos;
    while (at == std::string::npos || said.find('.', at) == std::string::npos) {
      const ssize_t n = read(output[0], buffer.data(), buffer.size());
      BOOST_REQUIRE_MESSAGE(n > 0, said);
      said.append(buffer.data(), static_cast<std::size_t>(n));
      at = said.find(words);
    }
    output_ = output[0];  // it goes on writing
    driver_url_ = "http://127.0.0.1:" + std::to_string(std::stoi(said.substr(at + words.size())));
  }
  nlohmann::json ask(const std::string& path, const nlohmann::json& body) {
    const nlohmann::json answer = send("POST", path, body);
    const nlohmann::json value = answer.value("value", nlohmann::json());
    BOOST_REQUIRE_MESSAGE(!value.is_object() || !value.contains("error"),
                          path + ": " + value.dump());
    return value;
  }
  nlohmann::json send(const char* method, const std::string& path, const nlohmann::json& body) {
    const std::unique_ptr<CURL, void (*)(CURL*)> curl(::curl_easy_init(), ::curl_easy_cleanup);
    const std::string address = driver_url_ + path, text = body.is_null() ? "" : body.dump();
    std::string got;
    using Take = std::size_t (*)(char*, std::size_t, std::size_t, void*);
    const Take take = [](char* from, std::size_t, std::size_t size, void* to) {
      static_cast<std::string*>(to)->append(from, size);
      return size;
    };
    ::curl_easy_setopt(curl.get(), CURLOPT_URL, address.c_str());
    ::curl_easy_setopt(curl.get(), CURLOPT_CUSTOMREQUEST, method);
    if (!text.empty()) ::curl_easy_setopt(curl.get(), CURLOPT_POSTFIELDS, text.c_str());
    ::curl_easy_setopt(curl.get(), CURLOPT_NOSIGNAL, 1L);
    ::curl_easy_setopt(curl.get(), CURLOPT_NOPROXY, "*");
    ::curl_easy_setopt(curl.get(), CURLOPT_TIMEOUT, 120L);
    ::curl_easy_setopt(curl.get(), CURLOPT_WRITEFUNCTION, take);
    ::curl_easy_setopt(curl.get(), CURLOPT_WRITEDATA, &got);
    ::curl_easy_perform(curl.get());
    return nlohmann::json::parse(got, nullptr, false);
  }

  Folder folder_;
  pid_t driver_ = 0;
  int output_ = -1;
  std::string driver_url_, session_;
};

}  // namespace limelight::tests
