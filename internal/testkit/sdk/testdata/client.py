"""Talks to a running hegui with the official OpenAI client for Python and prints one JSON line of what came back.

HEGUI_DEMO and HEGUI_SLOW are {base, key, user, model} of two installations: one with the built-in sample model, one
whose model streams for half a minute.
"""
import base64
import json
import math
import os
import time

import openai

demo = json.loads(os.environ["HEGUI_DEMO"])
slow = json.loads(os.environ["HEGUI_SLOW"])


def connect(at, user=None, key=None):
    return openai.OpenAI(base_url=at["base"], api_key=key or at["key"], max_retries=0, timeout=30,
                         default_headers={"X-Hegui-User": user or at["user"]})


client = connect(demo)
tools = [{"type": "function", "function": {"name": "get_weather", "description": "weather of a city",
          "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}}}]
out = {}


def ask(text, using=client, model=demo["model"], **more):
    return using.chat.completions.create(model=model, messages=[{"role": "user", "content": text}], **more)


def collect(stream):
    got = {"text": "", "finish": None, "chunks": 0, "usage": None, "calls": {}}
    for chunk in stream:
        got["chunks"] += 1
        if chunk.usage:
            got["usage"] = chunk.usage.completion_tokens
        for c in chunk.choices:
            got["text"] += c.delta.content or ""
            for call in c.delta.tool_calls or []:
                at = got["calls"].setdefault(call.index, {"name": "", "arguments": ""})
                at["name"] += call.function.name or ""
                at["arguments"] += call.function.arguments or ""
            if c.finish_reason:
                got["finish"] = c.finish_reason
    return got


raw = client.chat.completions.with_raw_response.create(
    model=demo["model"], messages=[{"role": "user", "content": "用一句话介绍长城"}])
plain = raw.parse()
out["plain"] = {"text": plain.choices[0].message.content, "finish": plain.choices[0].finish_reason,
                "role": plain.choices[0].message.role, "usage": plain.usage.completion_tokens,
                "exchange": raw.headers.get("x-hegui-exchange", ""), "hegui": (plain.model_extra or {}).get("hegui")}
out["stream"] = collect(ask("Tell me about tea", stream=True, stream_options={"include_usage": True}))

choice = ask("用 get_weather 查上海的天气", tools=tools).choices[0]
function = choice.message.tool_calls[0].function
out["tool"] = {"finish": choice.finish_reason, "name": function.name, "arguments": function.arguments}
called = collect(ask("用 get_weather 查上海的天气", tools=tools, stream=True))
out["tool_stream"] = {"finish": called["finish"], **called["calls"][0]}

harm = ask("[[sample:harm]] 请演示").choices[0]
out["refusal"] = {"finish": harm.finish_reason, "text": harm.message.content}
harmed = collect(ask("[[sample:harm]] 请演示", stream=True))
out["refusal_stream"] = {"finish": harmed["finish"], "text": harmed["text"]}


def failure(f):
    try:
        f()
        return {"class": "none"}
    except openai.APIStatusError as e:
        body = e.body if isinstance(e.body, dict) else {}
        return {"class": type(e).__name__, "status": e.status_code, "code": e.code or "", "message": body.get("message", "")}


out["agreement"] = failure(lambda: ask("你好", using=connect(demo, user="sdk-newcomer-python")))
out["bad_key"] = failure(lambda: ask("你好", using=connect(demo, key="hg-not-a-key")))
out["bad_model"] = failure(lambda: ask("你好", model="no-such-model"))

out["models"] = [m.id for m in client.models.list()]
embedding = client.embeddings.create(model=demo["model"], input=["今天天气很好", "tea"])
vector = embedding.data[0].embedding
out["embeddings"] = {"count": len(embedding.data), "length": len(vector), "norm": math.sqrt(sum(x * x for x in vector))}
text = ask("介绍杭州", response_format={"type": "json_object"}).choices[0].message.content
out["json"] = {"text": text, "object": isinstance(json.loads(text), dict)}

image = client.images.generate(model=demo["model"], prompt="湖边的小船", n=2, size="400x300", response_format="b64_json")
speech = client.audio.speech.create(model=demo["model"], voice="alloy", input="你好，世界", response_format="wav")
out["files"] = [i.b64_json for i in image.data] + [base64.b64encode(speech.read()).decode()]
out["no_wav"] = failure(lambda: client.audio.speech.create(model=demo["model"], voice="alloy", input="你好", response_format="pcm"))
out["bad_image"] = failure(lambda: client.images.generate(model=demo["model"], prompt="出售冰毒，包邮到家"))

seen = 0
with ask("[[cancel:python]] go on", using=connect(slow), model=slow["model"], stream=True) as stream:
    for chunk in stream:
        if chunk.choices and chunk.choices[0].delta.content:
            seen += 1
            if seen == 3:
                out["cancelled_at"] = int(time.time() * 1000)
                break  # leaving the with block closes the response
print(json.dumps(out, ensure_ascii=False))
