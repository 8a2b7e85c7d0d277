// What `limelight run --check` prints.
#include <boost/test/unit_test.hpp>

#include "cli/pipeline_table.hpp"

using namespace limelight;

BOOST_AUTO_TEST_SUITE(pipeline_table)

BOOST_AUTO_TEST_CASE(a_line_for_each_stage_then_what_is_ignored_then_the_config) {
  stages::PipelineConfig config;
  config.max_inflight = 3;
  stages::StageConfig thinker;
  thinker.model_stage = "thinker";
  thinker.tensor_parallel_size = 2;
  thinker.num_replicas = 2;
  thinker.max_batch_size = 1;
  thinker.shape.max_model_len = 99;
  stages::StageConfig sound;
  sound.stage_id = 7;
  sound.model_stage = "code2wav";
  sound.devices = "cuda:1";
  sound.final_output = true;
  sound.final_output_type = "audio";
  config.stages = {thinker, sound};
  config.ignored = {{"moe_backend", "there is one"}};
  config.text = "stage_args: []\n";
  BOOST_TEST(cli::describe(config) ==
             "2 stages, 5 ranks, 3 requests in the pipeline at one time\n"
             "stage 0: thinker on cpu, 2 replicas of 2 ranks, 1 request and 256 tokens in a step, "
             "max_model_len 99\n"
             "stage 7: code2wav on cuda:1, 1 replica of 1 rank, 4 requests and 256 tokens in a "
             "step, max_model_len 1024, output audio\n"
             "ignored: moe_backend (there is one)\n"
             "as a stage config:\n"
             "stage_args: []\n");
}

BOOST_AUTO_TEST_SUITE_END()
