#include "actors/http/profile_request.hpp"

#include <limits>
#include <nlohmann/json.hpp>

#include "actors/formats/json_values.hpp"
#include "actors/formats/refusal.hpp"

namespace limelight::http {

using formats::Handler;
using formats::Handlers;
using formats::refuse;
using formats::show;
using nlohmann::json;

namespace {

Handler whole_into(std::uint64_t& to) {
  return [&to](const json& v, const std::string& k) {
    if (!v.is_number_integer() || v < 0) refuse(k, show(v), "a whole number, 0 or more");
    to = v.get<std::uint64_t>();
  };
}
Handler text_into(std::string& to) {
  return [&to](const json& v, const std::string& k) { to = formats::text(v, k); };
}

Handler truth_into(bool& to) {
  return [&to](const json& v, const std::string& k) { to = formats::truth(v, k); };
}

// A text of names, or a list of them, in which SGLang's CPU is all that a processor does.
std::string read_activities(const json& value, const std::string& key) {
  if (value.is_string()) return value.get<std::string>();
  const char* expected = "a list such as [\"cpu\", \"ipc\", \"actors\", \"collectives\", \"gpu\"]";
  if (!value.is_array()) refuse(key, show(value), expected);
  std::string all;
  for (const json& item : value) {
    const std::string name = formats::text(item, key, expected);
    if (name == "MEM" || name == "CUDA_PROFILER" || name == "RPD")
      refuse(key, "'" + name + "'", "CPU or GPU: the others are not recorded");
    all += (all.empty() ? "" : ",");
    all += name == "CPU" ? "cpu,ipc,actors,collectives" : name == "GPU" ? "gpu" : name;
  }
  return all;
}

// Keys that may only have the value that asks for nothing.
Handler only(const json& harmless, const char* expected) {
  return [harmless, expected](const json& v, const std::string& k) {
    if (v != harmless) refuse(k, show(v), expected);
  };
}

// What SGLang calls a stage is a phase here; it has a file of each, and a profile here is of one.
void set_phase(bool by_phase, const json& phases, std::string& phase) {
  if (!by_phase && phases != json::array())
    refuse("profile_stages", show(phases),
           "none without profile_by_stage; stages of a pipeline are chosen by the key stages");
  if (!by_phase) return;
  const bool one = phases == json::array({"prefill"}) || phases == json::array({"decode"});
  if (!one || (!phase.empty() && phases[0] != phase))
    refuse(
        "profile_by_stage",
        "true with profile_stages " +
            phases.dump(-1, ' ', false, json::error_handler_t::replace).substr(0, 60),
        "[\"prefill\"] or [\"decode\"] in profile_stages, and no other phase: a profile is of one "
        "of them, so ask for two, one after the other");
  phase = phases[0];
}

}  // namespace

Result<ProfileRequest> read_profile(const json& body) {
  ProfileRequest request;
  ProfileOptions& options = request.options;
  bool by_phase = false;
  json phases = json::array();
  const Handlers own{
      {"stages",
       [&](const json& v, const std::string& k) { request.stages = formats::wholes(v, k); }},
      {"ranks",
       [&](const json& v, const std::string& k) { options.ranks = formats::wholes(v, k); }},
      {"run_id", text_into(options.run_id)},
      {"request_id", text_into(options.request_id)},
      {"start_at_ns",
       [&](const json& v, const std::string& k) {
         if (!v.is_number_integer() || v < 0 || v > std::numeric_limits<std::int64_t>::max())
           refuse(k, show(v), "a time of CLOCK_REALTIME in nanoseconds");
         options.start_at_ns = v.get<std::int64_t>();
       }},
      {"steps", whole_into(options.steps)},
      {"milliseconds", whole_into(options.milliseconds)},
      {"bytes", whole_into(options.bytes)},
      {"delay_steps", whole_into(options.delay_steps)},
      {"wait_steps", whole_into(options.wait_steps)},
      {"warmup_steps", whole_into(options.warmup_steps)},
      {"active_steps", whole_into(options.active_steps)},
      {"repeat", whole_into(options.repeat)},
      {"record_shapes", truth_into(options.record_shapes)},
      {"with_flops", truth_into(options.with_flops)},
      {"with_memory", truth_into(options.with_memory)},
      {"with_stack", truth_into(options.with_stack)},
      {"nvtx", truth_into(options.nvtx)},
      {"prefix", text_into(options.prefix)},
      {"format", text_into(options.format)},
      {"phase", text_into(options.phase)},
      {"detail", text_into(options.detail)},
      {"activities",
       [&](const json& v, const std::string& k) { options.activities = read_activities(v, k); }},
      {"orchestrator", truth_into(options.orchestrator)}};
  const Handlers others{
      {"num_steps", whole_into(options.steps)},
      {"profile_prefix", text_into(options.prefix)},
      {"profile_id", text_into(options.run_id)},
      {"output_dir",
       [](const json& v, const std::string& k) {
         refuse(k, show(v),
                "none: traces go to the folder that the service was started with (--profile-dir)");
       }},
      {"start_step", whole_into(options.delay_steps)},
      {"profile_by_stage", truth_into(by_phase)},
      {"merge_profiles", only(false, "false: `limelight trace merge` joins the files")},
      {"profile_stages", [&](const json& v, const std::string&) {
         if (!v.is_null()) phases = v;
       }}};
  try {
    formats::read_object(body, "", {&own, &others});
    set_phase(by_phase, phases, options.phase);
  } catch (const formats::Refusal& refusal) {
    return Error{ErrorCode::invalid_argument, refusal.text};
  }
  return request;
}

Result<std::vector<int>> read_stop(const json& body) {
  std::vector<int> stages;
  const Handlers known{
      {"stages", [&](const json& v, const std::string& k) { stages = formats::wholes(v, k); }}};
  try {
    formats::read_object(body, "", {&known});
  } catch (const formats::Refusal& refusal) {
    return Error{ErrorCode::invalid_argument, refusal.text};
  }
  return stages;
}

}  // namespace limelight::http
