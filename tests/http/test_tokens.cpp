// Who may ask for what, and TLS.
#include "tests/http/served.hpp"

using namespace limelight::tests;

namespace {
std::vector<std::string> bearing(const std::string& token) {
  return {"Authorization: Bearer " + token};
}
}  // namespace

BOOST_AUTO_TEST_SUITE(tokens)

BOOST_AUTO_TEST_CASE(each_route_wants_one_of_its_tokens) {
  const Folder folder;
  const auto file = write_file(folder.path / "keys", "# ours\n  second \n\nthird\n");
  Served served({"--api-key", "first", "--api-key-file", file.string(), "--profile-key", "deep"});
  const Reply none = served.get("/health");
  BOOST_TEST(none.status == 401);
  BOOST_TEST(none.headers.at("www-authenticate") == "Bearer");
  BOOST_TEST(none.document()["error"]["code"] == "invalid_api_key");
  for (const char* path : {"/v1/models", "/metrics", "/nothing"})
    BOOST_TEST(served.get(path).status == 401);
  for (const char* token : {"first", "second", "third"})
    BOOST_TEST(served.get("/v1/models", bearing(token)).status == 200);
  for (const char* token : {"", "firs", "firstfirst", "# ours", "deep"})
    BOOST_TEST(served.get("/v1/models", bearing(token)).status == 401);
  BOOST_TEST(served.get("/v1/models", {"Authorization: bearer first"}).status == 200);
  BOOST_TEST(served.get("/v1/models", {"Authorization: Basic first"}).status == 401);
  BOOST_TEST(served.get("/profiles", bearing("first")).status == 401);
  BOOST_TEST(served.get("/profiles", bearing("deep")).status == 200);
  BOOST_TEST(served.get("/reports/x", bearing("first")).status == 401);
  BOOST_TEST(served.get("/reports/x", bearing("deep")).status == 404);
  BOOST_TEST(served.ask("POST", "/start_profile", "", bearing("first")).status == 401);
  BOOST_TEST(served.get("/v1/models", {}).body.find("first") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(tls_with_a_certificate_of_ones_own) {
  const Folder folder;
  const std::string key = (folder.path / "key.pem").string(),
                    certificate = (folder.path / "cert.pem").string();
  const Ran made =
      run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days "
          "2 -subj /CN=localhost -keyout " +
          key + " -out " + certificate);
  BOOST_REQUIRE_MESSAGE(made.code == 0, made.output);
  Served served({"--ssl-certfile", certificate, "--ssl-keyfile", key});
  BOOST_TEST(served.get("/health").document()["status"] == "ready");
  const Reply stream = served.post("/v1/completions", {{"prompt", "x"}, {"stream", true}});
  BOOST_TEST(events_of(stream.body).size() > 1u);
  Socket plain(served.port());
  plain.send("GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n");
  BOOST_TEST(plain.all().find("ready") == std::string::npos);
  BOOST_TEST(served.stop() == 0);
}

BOOST_AUTO_TEST_SUITE_END()
