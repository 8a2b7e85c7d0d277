"""Asks a service with OpenAI's own client. Usage: ask_with_openai.py <url> <api key>"""

import base64
import sys

import openai

url, key = sys.argv[1:]
client = openai.OpenAI(base_url=url + "/v1", api_key=key, max_retries=0)
hello = [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "Hello"}]

model = client.models.list().data[0].id
assert client.models.retrieve(model).id == model

chat = client.chat.completions.create(
    model=model, messages=hello, max_completion_tokens=12, seed=7, temperature=0.8, top_p=0.9,
    n=2, logprobs=True, top_logprobs=2, extra_body={"top_k": 20})
assert len(chat.choices) == 2 and chat.usage.completion_tokens == 24
text = chat.choices[0].message.content
assert "".join(one.token for one in chat.choices[0].logprobs.content) == text
assert len(chat.choices[0].logprobs.content[0].top_logprobs) == 2

stream = client.chat.completions.create(
    model=model, messages=hello, max_tokens=12, seed=7, temperature=0.8, top_p=0.9, stream=True,
    stream_options={"include_usage": True}, extra_body={"top_k": 20})
parts = list(stream)
joined = "".join(p.choices[0].delta.content or "" for p in parts if p.choices)
assert joined == text, (joined, text)
assert parts[-1].usage.completion_tokens == 12
assert all(p.choices[0].logprobs is None for p in parts if p.choices)
assert parts[-2].choices[0].finish_reason == "length"

# Each part of a stream has the logprobs of its tokens.
known = list(client.chat.completions.create(
    model=model, messages=hello, max_tokens=12, seed=7, temperature=0.8, top_p=0.9, stream=True,
    logprobs=True, top_logprobs=2, extra_body={"top_k": 20}))
content = [one for p in known if p.choices[0].logprobs for one in p.choices[0].logprobs.content]
assert [(one.token, one.logprob, len(one.top_logprobs)) for one in content] == [
    (one.token, one.logprob, 2) for one in chat.choices[0].logprobs.content]
assert sum(1 for p in known if p.choices[0].logprobs) > 1
for p in known[:-1]:
    tokens = [one.token for one in p.choices[0].logprobs.content] if p.choices[0].logprobs else []
    assert "".join(tokens) == (p.choices[0].delta.content or "")

spoken = client.chat.completions.create(
    model=model, messages=hello, max_tokens=12, modalities=["text", "audio"],
    audio={"voice": "alloy", "format": "wav"})
assert base64.b64decode(spoken.choices[0].message.audio.data).startswith(b"RIFF")
assert spoken.choices[0].message.audio.transcript == spoken.choices[0].message.content

completion = client.completions.create(model=model, prompt=["a", "b"], logprobs=2)
assert [choice.index for choice in completion.choices] == [0, 1]
assert len(completion.choices[0].logprobs.tokens) == 16
assert "".join(
    part.choices[0].text for part in client.completions.create(model=model, prompt="a", stream=True)
) == completion.choices[0].text

legacy = list(client.completions.create(model=model, prompt="a", logprobs=2, stream=True))
listed = [part.choices[0].logprobs for part in legacy if part.choices[0].logprobs]
whole = completion.choices[0].logprobs
assert [token for one in listed for token in one.tokens] == whole.tokens
assert [at for one in listed for at in one.text_offset] == whole.text_offset

with client.audio.speech.with_streaming_response.create(
        model=model, voice="alloy", input="Hello", response_format="pcm",
        extra_body={"max_tokens": 12}) as response:
    assert len(b"".join(response.iter_bytes())) > 1000


def fails(error, ask):
    try:
        ask()
    except error as failed:
        return failed
    raise AssertionError(f"expected {error}")


wrong = fails(openai.BadRequestError, lambda: client.chat.completions.create(
    model=model, messages=hello, top_p=2))
assert wrong.param == "top_p" and "found 2" in wrong.message
fails(openai.NotFoundError, lambda: client.chat.completions.create(model="x", messages=hello))
fails(openai.BadRequestError, lambda: client.chat.completions.create(
    model=model, messages=hello,
    tools=[{"type": "function", "function": {"name": "f", "parameters": {}}}]))
fails(openai.AuthenticationError, openai.OpenAI(base_url=url + "/v1", api_key="no").models.list)
print("openai", openai.__version__)
