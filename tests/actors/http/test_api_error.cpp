// Errors as OpenAI's clients read them.
#include <boost/test/unit_test.hpp>
#include <nlohmann/json.hpp>

#include "actors/http/api_error.hpp"

using namespace limelight;
using namespace limelight::http;
using nlohmann::json;

BOOST_AUTO_TEST_SUITE(api_errors)

BOOST_AUTO_TEST_CASE(an_error_of_the_pipeline_has_its_status_and_names_the_key) {
  const ApiError wrong =
      api_error({ErrorCode::invalid_argument, "key 'top_p': found 2, expected less"});
  BOOST_TEST(wrong.status == 400);
  const json body = json::parse(wrong.body())["error"];
  BOOST_TEST(body["message"] == "key 'top_p': found 2, expected less");
  BOOST_TEST(body["type"] == "invalid_request_error");
  BOOST_TEST(body["param"] == "top_p");
  BOOST_TEST(body["code"] == "invalid_argument");
  const std::pair<ErrorCode, int> statuses[] = {
      {ErrorCode::too_large, 413}, {ErrorCode::not_found, 404},   {ErrorCode::busy, 409},
      {ErrorCode::timeout, 504},   {ErrorCode::rank_failed, 503}, {ErrorCode::io, 500}};
  for (const auto& [code, status] : statuses) BOOST_TEST(api_error({code, "x"}).status == status);
  BOOST_TEST(json::parse(api_error({ErrorCode::io, "x"}).body())["error"]["param"].is_null());
}

BOOST_AUTO_TEST_CASE(answers_say_when_to_come_back_and_how_to_prove_oneself) {
  const auto header = [](int status) {
    const auto answer = ApiError{.status = status, .message = "no"}.answer();
    return answer.headers.empty() ? "" : answer.headers.front().first;
  };
  BOOST_TEST(header(429) == "Retry-After");
  BOOST_TEST(header(503) == "Retry-After");
  BOOST_TEST(header(401) == "WWW-Authenticate");
  BOOST_TEST(header(400) == "");
}

BOOST_AUTO_TEST_CASE(text_that_is_no_utf8_is_replaced) {
  BOOST_TEST(json::accept(ApiError{.message = "found '\xff'"}.body()));
}

BOOST_AUTO_TEST_SUITE_END()
