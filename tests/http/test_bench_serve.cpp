// `limelight bench serve` on a running service: counts and keys of its result, and what it says of
// a server that refuses or is not there.
#include "tests/http/served.hpp"

namespace limelight::tests {

namespace {

Ran bench_serve(const Served& service, const std::string& arguments) {
  return run(LIMELIGHT_COMMAND " bench serve --base-url " + service.url("") +
             " --num-prompts 6 --random-input-len 4 --random-output-len 8 --ignore-eos "
             "--num-warmups 0 " +
             arguments);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(bench_serve_command)

BOOST_AUTO_TEST_CASE(each_backend_counts_what_the_service_made) {
  const Served service;
  for (const char* backend : {"openai", "openai-chat", "openai-chat-omni", "openai-audio-speech"}) {
    const Ran ran =
        bench_serve(service, std::string("--json --max-concurrency 2 --backend ") + backend);
    BOOST_REQUIRE_MESSAGE(ran.code == 0, ran.output);
    const json all = json::parse(ran.output);
    BOOST_TEST(all["completed"] == 6, backend);
    BOOST_TEST(all["failed"] == 0);
    BOOST_TEST(all["total_input_tokens"] > 0);
    const bool text = std::string(backend) != "openai-audio-speech";
    if (text) BOOST_TEST(all["total_output_tokens"] == 48, backend);
    if (text) BOOST_TEST(all["num_itl_samples"] > 0);
    if (!text || std::string(backend) == "openai-chat-omni")
      BOOST_TEST(all["total_audio_duration_s"] > 1, backend);
  }
}

BOOST_AUTO_TEST_CASE(a_profile_is_taken_of_the_measured_part) {
  const Served service;
  const Ran ran = bench_serve(service, "--json --profile 1");
  BOOST_REQUIRE_MESSAGE(ran.code == 0, ran.output);
  const json profile = json::parse(ran.output)["profile"];
  BOOST_TEST(profile["status"] == "SUCCESS", profile.dump());
}

BOOST_AUTO_TEST_CASE(a_server_that_is_not_there_is_said_and_files_are_kept) {
  const Folder folder;
  const Ran ran = run(LIMELIGHT_COMMAND " bench serve --base-url http://127.0.0.1:1 --model x");
  BOOST_TEST(ran.code == 1);
  BOOST_TEST(ran.output.find("the warm-up failed") != std::string::npos, ran.output);
  const auto file = write_file(folder.path / "there.json", "mine");
  const Served service;
  const Ran second = bench_serve(service, "--save-result --result-dir " + folder.path.string() +
                                              " --result-filename there.json");
  BOOST_TEST(second.code == 2, second.output);
  BOOST_TEST(read_file(file) == "mine");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace limelight::tests
