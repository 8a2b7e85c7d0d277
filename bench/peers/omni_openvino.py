"""Measures OpenVINO GenAI's OmniPipeline from prompt to sound. It serves one request at a time.

Arguments: folder of a model exported by optimum-intel, threads, tokens of each text, frames of each
sound, prompts as a JSON list. All is greedy. Prints {"requests": [{"submitted", "first_text",
"text_done", "first_sound", "done", "sound"}, ...]}: seconds on one clock, and of sound.
"""
import json
import sys
import time

import openvino_genai as genai

folder, threads, tokens, frames = sys.argv[1], *map(int, sys.argv[2:5])
prompts = json.loads(sys.argv[5])
pipeline = genai.OmniPipeline(folder, "CPU", INFERENCE_NUM_THREADS=threads)
text = genai.GenerationConfig()
text.max_new_tokens, text.min_new_tokens = tokens, tokens
text.ignore_eos, text.do_sample = True, False
speech = genai.OmniTalkerSpeechConfig(folder)
speech.max_new_tokens = frames
speech.audio_chunk_frames = 25
speech.talker_top_k = speech.cp_top_k = 1  # greedy: a temperature of 0 is refused


class Sound(genai.OmniSpeechStreamerBase):
    def __init__(self):
        super().__init__()
        self.first, self.samples = 0.0, 0

    def write(self, chunk):
        self.first = self.first or time.perf_counter()
        self.samples += chunk.size
        return genai.StreamingStatus.RUNNING

    def end(self):
        pass


def serve(prompt):
    begin = time.perf_counter()
    arrivals, sound = [], Sound()

    def word(_):
        arrivals.append(time.perf_counter())
        return genai.StreamingStatus.RUNNING

    pipeline.generate(prompt, text_config=text, talker_speech_config=speech, streamer=word,
                      speech_streamer=sound)
    done = time.perf_counter()
    return {"submitted": begin, "first_text": arrivals[0], "text_done": arrivals[-1],
            "first_sound": sound.first or done, "done": done, "sound": sound.samples / 24000}


serve(prompts[0])
print(json.dumps({"requests": [serve(prompt) for prompt in prompts]}))
