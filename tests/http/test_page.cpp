// The page at /, in a browser: what it shows, and what its buttons do.
#include <cstdlib>

#include "tests/http/browser.hpp"
#include "tests/http/served.hpp"

using namespace limelight::tests;

namespace {

// LIMELIGHT_SCREENSHOTS: a folder for those who want to look.
void keep(Browser& browser, const std::string& name) {
  const std::string picture = browser.screenshot();
  BOOST_TEST(picture.starts_with("\x89PNG"));
  if (const char* folder = std::getenv("LIMELIGHT_SCREENSHOTS"))
    write_file(std::filesystem::path(folder) / (name + ".png"), picture);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(page)

BOOST_AUTO_TEST_CASE(a_browser_shows_the_pipeline_and_its_buttons_work) {
  if (!Browser::is_there()) {
    BOOST_TEST_MESSAGE("skipped: no chromium, or no chromedriver");
    return;
  }
  Served served;
  const json request{{"messages", {{{"role", "user"}, {"content", "Hello"}}}},
                     {"max_tokens", 24},
                     {"modalities", {"text", "audio"}}};
  for (const char* id : {"first", "a-request-with-a-name-that-is-rather-long-for-a-table"})
    BOOST_TEST(
        served.post("/v1/chat/completions", request, {"X-Request-Id: " + std::string(id)}).status ==
        200);
  Browser browser;
  browser.look(1280, 900, false);
  browser.open(served.url("/"));
  BOOST_REQUIRE(browser.until("document.documentElement.dataset.ready === 'yes'"));
  BOOST_TEST(browser.eval("return document.getElementById('state').textContent") == "ready");
  BOOST_TEST(browser.eval("return document.querySelectorAll('.stage').length") == 3);
  BOOST_TEST(browser.eval("return document.querySelectorAll('#requests tr').length") == 3);
  // Each stage has a cache.
  BOOST_TEST(browser.until("document.querySelectorAll('.cache meter').length === 3"));
  BOOST_TEST(browser.until(
      "/^cache  0 of [1-9][0-9]* blocks$/.test(document.querySelector('.cache').textContent)"));

  BOOST_TEST(browser.eval("return document.getElementById('tokens').offsetParent").is_null());
  // A profile of stage 1 alone.
  browser.click("#choice input[value='1']");
  browser.click("#start");
  BOOST_TEST(
      browser.until("document.getElementById('said').textContent === 'stage 1: is recorded'"));
  BOOST_TEST(served.post("/start_profile", {{"run_id", "other"}}).status == 409);
  BOOST_TEST(served.post("/v1/chat/completions", request).status == 200);
  keep(browser, "1280-light");
  browser.click("#stop");
  BOOST_TEST(browser.until(
      "/^stage 1: [0-9]+ events, 0 drops/.test(document.getElementById('said').textContent)"));
  BOOST_TEST(browser.until("document.querySelectorAll('#files tr').length === 3"));
  BOOST_TEST(served.get("/profiles").document()["data"].size() == 2u);
  browser.click("#dump");
  BOOST_TEST(browser.until("document.querySelectorAll('#files tr').length === 6"));

  // The report of the profile, in a window of its own.
  BOOST_TEST(browser.eval("return [...document.querySelectorAll('#files button')].filter("
                          "one => one.textContent === 'report').length") == 4);
  browser.open_window([&] { browser.click("#files td:nth-child(2) button"); });
  BOOST_TEST(browser.until("document.title === 'Limelight report'"));
  BOOST_TEST(browser.until("document.body.textContent.includes('talker')"));
  keep(browser, "report");
  browser.close_window();

  // Nothing is wider than the window, whatever the user prefers; what is dark is dark.
  const auto brightness =
      "return ((c) => (+c[0] + +c[1] + +c[2]) / 3)(getComputedStyle(document.body)"
      ".color.match(/[0-9]+/g))";
  for (const int width : {1280, 400})
    for (const bool dark : {false, true}) {
      browser.look(width, 900, dark);
      BOOST_TEST(browser.until("innerWidth === " + std::to_string(width)));
      BOOST_TEST(browser.eval("return document.documentElement.scrollWidth") <= width);
      BOOST_TEST(browser.eval("return matchMedia('(prefers-color-scheme: dark)').matches") == dark);
      const double text = browser.eval(brightness).get<double>();
      BOOST_TEST((dark ? text > 200 : text < 60), text);
      keep(browser, std::to_string(width) + (dark ? "-dark" : "-light-after"));
    }
  // No outside resource, and nothing that the browser complains about.
  BOOST_TEST(browser.eval("return performance.getEntriesByType('resource').every("
                          "one => one.name.startsWith(location.origin))") == true);
}

BOOST_AUTO_TEST_CASE(the_page_asks_for_a_token_where_one_is_needed) {
  if (!Browser::is_there()) {
    BOOST_TEST_MESSAGE("skipped: no chromium, or no chromedriver");
    return;
  }
  Served served({"--api-key", "secret"});
  Browser browser;
  browser.look(400, 900, true);
  browser.open(served.url("/"));
  BOOST_TEST(browser.until("!document.getElementById('tokens').hidden"));
  keep(browser, "400-dark-token");
  browser.eval("document.getElementById('token').value = 'secret'");
  browser.click("#tokens button");
  BOOST_TEST(browser.until("document.documentElement.dataset.ready === 'yes'"));
  BOOST_TEST(browser.eval("return document.getElementById('state').textContent") == "ready");
}

BOOST_AUTO_TEST_SUITE_END()
