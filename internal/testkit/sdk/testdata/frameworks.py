"""Talks to a hegui whose provider refuses, with the OpenAI client and LangChain for Python, at their default retries, and
prints one JSON line: by client and kind of refusal what came back, and how a conversation of 20 turns went.

HEGUI is {base, key, user, model}; SHAPES the names of the refusals.
"""
import json
import os

import openai
from langchain_openai import ChatOpenAI

at = json.loads(os.environ["HEGUI"])
headers = {"X-Hegui-User": at["user"]}
client = openai.OpenAI(base_url=at["base"], api_key=at["key"], default_headers=headers)
chain = ChatOpenAI(model=at["model"], api_key=at["key"], base_url=at["base"], default_headers=headers)


def plain(messages):
    return client.chat.completions.create(model=at["model"], messages=messages).choices[0].message.content


def stream(messages):
    text = ""
    for chunk in client.chat.completions.create(model=at["model"], messages=messages, stream=True):
        for choice in chunk.choices:
            text += choice.delta.content or ""
    return text


def as_error(messages):
    """The application that asks for errors gets one, and the client does not try again."""
    try:
        client.chat.completions.create(model=at["model"], messages=messages, extra_headers={"X-Hegui-Refusal": "error"})
    except openai.BadRequestError as e:
        return "refused: " + str(e.code)
    return "好的，这是回答。"


clients = {"openai-python": plain, "openai-python-stream": stream, "openai-python-error": as_error,
           "langchain-python": lambda m: chain.invoke([(x["role"], x["content"]) for x in m]).content,
           "langchain-python-stream": lambda m: "".join(c.content for c in chain.stream([(x["role"], x["content"]) for x in m]))}
out = {}
for name, ask in clients.items():
    got = out[name] = {"refused": {}, "turns": []}
    for shape in json.loads(os.environ["SHAPES"]):
        try:
            got["refused"][shape] = {"text": ask([{"role": "user", "content": f"[[refuse:{shape}:{name}]] 请说说"}])}
        except Exception as e:  # whatever it is, it is what must not happen
            got["refused"][shape] = {"error": repr(e)}
    messages = []
    for i in range(1, 21):
        messages.append({"role": "user", "content": f"[[refuse:deepseek:{name}-chat]] 请说说" if i == 5 else f"第{i}个问题 {name}"})
        try:
            text = ask(messages)
            if not text.startswith("refused: "):
                messages.append({"role": "assistant", "content": text})
            got["turns"].append(text)
        except Exception as e:
            got["turns"].append("error: " + repr(e))
print(json.dumps(out))
