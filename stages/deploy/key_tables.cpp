#include "stages/deploy/keys.hpp"
#include "stages/deploy/reasons.hpp"

namespace limelight::stages::deploy {

namespace {

using enum Type;
using enum Effect;
using namespace reasons;

constexpr Key top[] = {
    {"base_config", text, obeyed},
    {"pipeline", text, obeyed},
    {"stages", list, obeyed},
    {"platforms", map, obeyed},
    {"connectors", map, obeyed},
    {"edges", list, obeyed},
    {"async_chunk", boolean, obeyed},
    {"dtype", text, obeyed},
    {"enable_prefix_caching", boolean, obeyed},
    {"session_mode", text, ignored, service},
    {"duplex_session", map, ignored, "a session has turns here"},
    {"active_stream_window", whole, ignored, speed, "0"},
    {"model_runner", text, ignored, speed},
    {"trust_remote_code", boolean, ignored, no_code},
    {"distributed_executor_backend", text, refused, "all ranks are on one machine",
     "mp|uni|external_launcher"},
    {"quantization", text, refused, weights},
    {"enable_chunked_prefill", boolean, ignored, "slices of a prompt change no result"},
    {"data_parallel_size", whole, refused, "replicas are asked for with num_replicas", "1", 1},
    {"pipeline_parallel_size", whole, refused, parallel, "1", 1},
    {"custom_voice_dir", text, refused, other_model},
    {"forced_aligner", any, refused, "no stage here aligns text and sound", "false"},
};

constexpr Key runtime[] = {
    {"devices", any, obeyed},
    {"num_replicas", whole, obeyed, "", "", 1, 64},
    {"env", map, obeyed},
    {"process", boolean, ignored, placing},
    {"requires_multimodal_data", boolean, ignored, topology},
    {"num_gpus", whole, ignored, placing},
};

constexpr Key connector[] = {
    {"name", text, ignored, transport},
    {"extra", map, obeyed},
};

// Of `extra`. Transports and models have keys of their own there.
constexpr Key chunks[] = {
    {"codec_chunk_frames", any, obeyed},
    {"initial_codec_chunk_frames", whole, obeyed, "", "", 0, 1 << 20},
    {"codec_left_context_frames", whole, obeyed, "", "", 0, 1 << 20},
    {"codec_chunk_ramp", any, obeyed},
    {"codec_chunk_adaptive", boolean, obeyed},
    {"codec_chunk_min_frames", whole, ignored, other_model},
    {"codec_chunk_safety_margin_ms", number, ignored, other_model},
    {"codec_chunk_ramp_divisor", whole, ignored, other_model},
    {"codec_chunk_ramp_delta_min", whole, ignored, other_model},
    {"codec_chunk_frames_at_begin", whole, ignored, other_model},
    {"codec_max_chunk_frames", whole, ignored, other_model},
    {"codec_right_holdback_frames", whole, ignored, other_model},
    {"codec_pre_lookahead_frames", whole, ignored, other_model},
    {"codec_stream_scale_factor", number, ignored, other_model},
    {"codec_token_offset", whole, ignored, other_model},
    {"codec_vocab_size", whole, ignored, other_model},
    {"audiocodec_token_offset", whole, ignored, other_model},
    {"audiocodec_vocab_size", whole, ignored, other_model},
    {"audio8_tts_codec_dtype", text, ignored, other_model},
    {"fish_speech_tensor_codes", boolean, ignored, other_model},
    {"fish_speech_single_initial_chunk", boolean, ignored, other_model},
    {"fish_speech_backlog_codec_chunk_frames", whole, ignored, other_model},
    {"fish_speech_backlog_load_threshold", number, ignored, other_model},
    {"fish_speech_dac_dtype", text, ignored, other_model},
    {"fish_speech_dac_max_padded_frames", whole, ignored, other_model},
    {"fish_speech_dac_max_batch", whole, ignored, other_model},
    {"crossfade_sec", number, ignored, other_model},
    {"latent_chunk_size", whole, ignored, other_model},
    {"initial_latent_chunk_size", whole, ignored, other_model},
    {"latent_left_context", whole, ignored, other_model},
    {"decoder_emit_chunk_frames", whole, ignored, other_model},
    {"ref_code_context_frames", whole, ignored, other_model},
    {"ref_audio_artifact_cache_max_entries", whole, ignored, other_model},
    {"ref_audio_max_seconds", number, ignored, other_model},
    {"native_talker", boolean, ignored, other_model},
    {"effective_first_chunk_ms", number, ignored, other_model},
    {"enable_hift_graph", boolean, ignored, compiled},
    {"hift_graph_capture_batch_sizes", list, ignored, compiled},
    {"enable_cfm_graph", boolean, ignored, compiled},
    {"cfm_max_graphs", whole, ignored, compiled},
    {"cfm_graph_bucket_frames", whole, ignored, compiled},
    {"code_predictor_prefix_graphs", boolean, ignored, compiled},
    {"code_predictor_prefix_graph_buckets", list, ignored, compiled},
    {"code_predictor_prefix_graph_seq_lens", list, ignored, compiled},
    {"decode_cudagraph_capture_sizes", list, ignored, compiled},
    {"decode_cudagraph_batch_sizes", list, ignored, compiled},
    {"decode_batch_max_size", whole, ignored, speed},
    {"code2wav_min_batch_size", whole, ignored, speed},
    {"code2wav_initial_batch_size", whole, ignored, speed},
    {"code2wav_bfloat16_attention_cache", boolean, ignored, other_model},
    {"decode_enable_tf32", boolean, ignored, speed},
    {"codec_streaming", boolean, ignored, "chunks are streamed"},
    {"connector_get_sleep_s", number, ignored, transport},
    {"connector_get_max_wait_first_chunk", number, ignored, transport},
    {"connector_get_max_wait", number, ignored, transport},
    {"shm_threshold_bytes", whole, ignored, transport},
    {"host", text, ignored, transport},
    {"port", any, ignored, transport},
    {"zmq_port", any, ignored, transport},
    {"rpc_port", any, ignored, transport},
    {"metadata_server", text, ignored, transport},
    {"master", text, ignored, transport},
    {"segment", any, ignored, transport},
    {"localbuf", any, ignored, transport},
    {"proto", text, ignored, transport},
    {"protocol", text, ignored, transport},
    {"device_name", text, ignored, transport},
    {"memory_pool_size", whole, ignored, transport},
    {"memory_pool_device", text, ignored, transport},
    {"recv_timeout", number, ignored, transport},
    {"backends", list, ignored, transport},
    {"backend_type", text, ignored, transport},
    {"xgmi_num_streams", whole, ignored, transport},
    {"xgmi_num_events", whole, ignored, transport},
    {"qp_per_transfer", whole, ignored, transport},
    {"num_worker_threads", whole, ignored, transport},
    {"post_batch_size", whole, ignored, transport, "", -1},
    {"role", text, ignored, transport},
};

constexpr Key edge[] = {
    {"from", whole, obeyed, "", "", 0, 1023},
    {"to", whole, obeyed, "", "", 0, 1023},
    {"window_size", whole, ignored, "a channel has a window of its own size", "", -1},
    {"max_inflight", whole, ignored, "a channel has a window of its own size", "", -1},
};

constexpr Key duplex[] = {
    {"idle_ttl_s", number, ignored, turns},
    {"disconnect_grace_s", number, ignored, turns},
    {"reaper_interval_s", number, ignored, turns},
    {"resume_replay_ttl_s", number, ignored, turns},
    {"resume_replay_max_bytes_per_session", whole, ignored, turns},
    {"max_pending_input_bytes_per_session", whole, ignored, turns},
    {"max_pending_turns_per_session", whole, ignored, turns},
    {"max_sessions", whole, ignored, turns},
    {"completed_append_cache_size", whole, ignored, turns},
    {"server_vad_model_path", text, ignored, turns},
    {"warmup_frames", whole, ignored, turns, "", -(1 << 20)},
};

constexpr Key platform[] = {
    {"stages", list, obeyed},
    {"model_runner", text, ignored, speed},
};

// Those that are obeyed have the ranges that a request's have; the reader of stage configs knows
// them.
constexpr Key sampling[] = {
    {"temperature", number, obeyed},
    {"top_p", number, obeyed},
    {"top_k", whole, obeyed, "", "", -1, 1 << 30},
    {"min_p", number, obeyed},
    {"max_tokens", whole, obeyed, "", "", 1, 1 << 20},
    {"min_tokens", whole, obeyed, "", "", 0, 1 << 20},
    {"seed", whole, obeyed, "", "", 0, std::int64_t{1} << 62},
    {"repetition_penalty", number, obeyed},
    {"presence_penalty", number, obeyed},
    {"frequency_penalty", number, obeyed},
    {"logit_bias", map, obeyed},
    {"stop", any, obeyed},
    {"stop_token_ids", list, obeyed},
    {"ignore_eos", boolean, obeyed},
    {"logprobs", whole, obeyed, "", "", 0, 20},
    {"n", whole, refused, "a request says how many answers it wants", "1", 1},
    {"detokenize", boolean, ignored, "a stage makes text or does not"},
    {"output_kind", any, ignored, "an output is what its stage emits"},
    {"skip_special_tokens", boolean, refused, "special tokens are no text here", "true"},
    {"spaces_between_special_tokens", boolean, ignored, "special tokens are no text here"},
    {"include_stop_str_in_output", boolean, refused, "a text ends before a stop string", "false"},
    {"bad_words", list, refused, sampled, "{}"},
    {"allowed_token_ids", list, refused, sampled, "{}"},
    {"thinking_token_budget", whole, refused, sampled},
    {"repetition_detection", any, refused, sampled, "{}"},
    {"structured_outputs", any, refused, sampled, "{}"},
    {"extra_args", map, refused, sampled, "{}"},
    {"prompt_logprobs", whole, refused, "no logprobs of prompts are reported"},
    {"flat_logprobs", boolean, ignored, "logprobs are reported in one form"},
    {"truncate_prompt_tokens", whole, refused, "a prompt is taken whole", "-1", -1},
    {"skip_clone", boolean, ignored, speed},
    {"skip_reading_prefix_cache", boolean, ignored, "caches change no result"},
    {"num_inference_steps", whole, refused, diffusion},
    {"guidance_scale", number, refused, diffusion},
    {"guidance_scale_2", number, refused, diffusion},
    {"true_cfg_scale", number, refused, diffusion},
    {"height", whole, refused, diffusion},
    {"width", whole, refused, diffusion},
    {"num_frames", whole, refused, diffusion},
    {"fps", number, refused, diffusion},
    {"num_outputs_per_prompt", whole, refused, diffusion, "1"},
    {"negative_prompt", text, refused, diffusion},
    {"output_type", text, refused, diffusion},
};

constexpr Key profiler[] = {
    {"torch_profiler_dir", text, obeyed},
    {"profiler", text, ignored, own_traces},
    {"torch_profiler_with_stack", boolean, obeyed},
    {"torch_profiler_with_flops", boolean, obeyed},
    {"torch_profiler_use_gzip", boolean, ignored, own_traces},
    {"torch_profiler_dump_cuda_time_total", boolean, ignored, own_traces},
    {"torch_profiler_record_shapes", boolean, obeyed},
    {"torch_profiler_with_memory", boolean, obeyed},
    {"detail", text, obeyed},
    {"ignore_frontend", boolean, ignored, own_traces},
    {"delay_iterations", whole, obeyed},
    {"max_iterations", whole, obeyed},
    {"wait_iterations", whole, obeyed},
    {"warmup_iterations", whole, obeyed},
    {"active_iterations", whole, obeyed},
    {"repeat", whole, obeyed},
};

}  // namespace

const KeyTable top_keys{"a deploy config", top}, runtime_keys{"runtime", runtime},
    connector_keys{"a connector", connector}, chunk_keys{"extra", chunks},
    edge_keys{"an edge", edge}, duplex_keys{"duplex_session", duplex},
    platform_keys{"a platform", platform}, sampling_keys{"default_sampling_params", sampling},
    profiler_keys{"profiler_config", profiler};

}  // namespace limelight::stages::deploy
