#!/usr/bin/env python3
"""The clients of `flowc` beside the vendors' own, against the same servers: what they read, and what they take.

usage: sdk.py --ask PROGRAM --peers FOLDER [--fixtures FOLDER] [--markdown FILE] [--only agree|cost]

PROGRAM is `cargo build --release -p flow-providers --example ask`; FOLDER has `aimock/` and `llamacpp/` and is where this
Python's packages openai, anthropic, google-genai and ollama come from (`install.sh sdks aimock llamacpp`).

40 requests: eight on each of four wires against aimock, four on each of two against llama.cpp. Text, calls of tools and
usage must be the same, or the run fails. Then the processor time of each client on its own thread: for a call, and for each
token of a streamed answer, against a server of this script that costs its clients nothing.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from pathlib import Path

TOOLS = [
    {"name": "get_weather", "description": "The weather of a city.",
     "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}},
    {"name": "get_time", "description": "The time.", "parameters": {"type": "object", "properties": {}}},
]
LONG_TOKENS = 4000
CALLS = 100


# ---- what is asked, independent of any client

def cases():
    """(name, system, messages, tools, streamed). A message is (role, text), ("calls", [...]) or ("result", id, name, text)."""
    weather = [("user", "how is the weather")]
    known = weather + [("calls", [("call_1", "get_weather", {"city": "Oslo"})]),
                       ("result", "call_1", "get_weather", "4C")]
    return [
        ("hello", None, [("user", "say hello")], [], False),
        ("hello, streamed", None, [("user", "say hello")], [], True),
        ("system", "You are terse.", [("user", "be brief")], [], False),
        ("history", None, [("user", "a"), ("assistant", "b"), ("user", "say lines")], [], True),
        ("scripts", None, [("user", "say it in many scripts")], [], False),
        ("a call", None, weather, TOOLS, True),
        ("its result", None, known, TOOLS, False),
        ("two calls", None, [("user", "weather and time")], TOOLS, True),
    ]


def llama_cases():
    """Real inference of random weights: greedy, so that both clients get the same."""
    return [
        ("one token", None, [("user", "a")], [], False),
        ("eight tokens", None, [("user", "tell me")], [], True),
        ("system", "Be brief.", [("user", "hi")], [], False),
        ("history", None, [("user", "a"), ("assistant", "b"), ("user", "c")], [], True),
    ]


# ---- ours

class Ours:
    def __init__(self, program):
        self.child = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def ask(self, provider, base, model, case, max_tokens=None, times=0):
        _, system, messages, tools, _ = case
        told = [] if system is None else [{"role": "system", "parts": [{"text": system}]}]
        for message in messages:
            if message[0] == "calls":
                told.append({"role": "assistant", "parts": [
                    {"tool_call": {"id": id, "name": name, "arguments": json.dumps(arguments)}}
                    for id, name, arguments in message[1]]})
            elif message[0] == "result":
                told.append({"role": "tool", "parts": [{"tool_result": {
                    "id": message[1], "name": message[2], "content": message[3], "failed": False}}]})
            else:
                told.append({"role": message[0], "parts": [{"text": message[1]}]})
        sampling = {"max_tokens": max_tokens or 500}
        if max_tokens:
            sampling["temperature"] = 0.0
        call = {"model": f"{provider}/{model}", "messages": told, "tools": tools, "sampling": sampling}
        question = {"provider": provider, "model": model, "base_url": base, "call": call, "times": times}
        self.child.stdin.write(json.dumps(question) + "\n")
        self.child.stdin.flush()
        answer = json.loads(self.child.stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        answer["calls"] = [[name, json.loads(arguments)] for name, arguments in answer["calls"]]
        return answer


# ---- theirs: each returns {"text", "calls", "usage"}

def openai_client(base):
    import openai
    client = openai.OpenAI(base_url=base, api_key="sk-not-a-key", max_retries=0)

    def ask(model, case, max_tokens=None):
        _, system, messages, tools, streamed = case
        told = [] if system is None else [{"role": "system", "content": system}]
        for message in messages:
            if message[0] == "calls":
                told.append({"role": "assistant", "content": None, "tool_calls": [
                    {"id": id, "type": "function", "function": {"name": name, "arguments": json.dumps(arguments)}}
                    for id, name, arguments in message[1]]})
            elif message[0] == "result":
                told.append({"role": "tool", "tool_call_id": message[1], "content": message[3]})
            else:
                told.append({"role": message[0], "content": message[1]})
        more = {}
        if tools:
            more["tools"] = [{"type": "function", "function": tool} for tool in tools]
        if max_tokens:
            more.update(max_tokens=max_tokens, temperature=0)
        if not streamed:
            answer = client.chat.completions.create(model=model, messages=told, **more)
            said = answer.choices[0].message
            calls = [[call.function.name, json.loads(call.function.arguments)] for call in said.tool_calls or []]
            return {"text": said.content or "", "calls": calls,
                    "usage": [answer.usage.prompt_tokens, answer.usage.completion_tokens]}
        text, calls, usage = "", {}, None
        for chunk in client.chat.completions.create(
                model=model, messages=told, stream=True, stream_options={"include_usage": True}, **more):
            if chunk.usage:
                usage = [chunk.usage.prompt_tokens, chunk.usage.completion_tokens]
            for choice in chunk.choices:
                text += choice.delta.content or ""
                for piece in choice.delta.tool_calls or []:
                    call = calls.setdefault(piece.index, ["", ""])
                    call[0] += piece.function.name or ""
                    call[1] += piece.function.arguments or ""
        return {"text": text, "calls": [[name, json.loads(arguments)] for name, arguments in calls.values()],
                "usage": usage}
    return ask


def anthropic_client(base):
    import anthropic
    client = anthropic.Anthropic(base_url=base, api_key="sk-not-a-key", max_retries=0)

    def ask(model, case, max_tokens=None):
        _, system, messages, tools, streamed = case
        told = []
        for message in messages:
            if message[0] == "calls":
                told.append({"role": "assistant", "content": [
                    {"type": "tool_use", "id": id, "name": name, "input": arguments}
                    for id, name, arguments in message[1]]})
            elif message[0] == "result":
                told.append({"role": "user", "content": [
                    {"type": "tool_result", "tool_use_id": message[1], "content": message[3]}]})
            else:
                told.append({"role": message[0], "content": message[1]})
        more = {"max_tokens": max_tokens or 500}
        if max_tokens:
            # This client no longer has it; the server does.
            more["extra_body"] = {"temperature": 0}
        if system is not None:
            more["system"] = system
        if tools:
            more["tools"] = [{"name": tool["name"], "description": tool["description"],
                              "input_schema": tool["parameters"]} for tool in tools]
        if streamed:
            with client.messages.stream(model=model, messages=told, **more) as stream:
                answer = stream.get_final_message()
        else:
            answer = client.messages.create(model=model, messages=told, **more)
        text = "".join(block.text for block in answer.content if block.type == "text")
        calls = [[block.name, block.input] for block in answer.content if block.type == "tool_use"]
        usage = answer.usage
        read = usage.input_tokens + (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
        return {"text": text, "calls": calls, "usage": [read, usage.output_tokens]}
    return ask


def gemini_client(base):
    from google import genai
    from google.genai import types
    client = genai.Client(api_key="not-a-key", http_options=types.HttpOptions(base_url=base, api_version="v1beta"))

    def ask(model, case, max_tokens=None):
        _, system, messages, tools, streamed = case
        told = []
        for message in messages:
            if message[0] == "calls":
                told.append(types.Content(role="model", parts=[
                    types.Part(function_call=types.FunctionCall(name=name, args=arguments))
                    for _, name, arguments in message[1]]))
            elif message[0] == "result":
                told.append(types.Content(role="user", parts=[types.Part.from_function_response(
                    name=message[2], response={"result": message[3]})]))
            else:
                role = "model" if message[0] == "assistant" else "user"
                told.append(types.Content(role=role, parts=[types.Part(text=message[1])]))
        more = {"automatic_function_calling": types.AutomaticFunctionCallingConfig(disable=True)}
        if system is not None:
            more["system_instruction"] = system
        if tools:
            more["tools"] = [types.Tool(function_declarations=[types.FunctionDeclaration(
                name=tool["name"], description=tool["description"],
                parameters_json_schema=tool["parameters"]) for tool in tools])]
        config = types.GenerateContentConfig(**more)
        if streamed:
            answers = list(client.models.generate_content_stream(model=model, contents=told, config=config))
        else:
            answers = [client.models.generate_content(model=model, contents=told, config=config)]
        text, calls, usage = "", [], None
        for answer in answers:
            if answer.usage_metadata:
                meta = answer.usage_metadata
                usage = [meta.prompt_token_count or 0,
                         (meta.candidates_token_count or 0) + (meta.thoughts_token_count or 0)]
            for candidate in answer.candidates or []:
                for part in (candidate.content.parts if candidate.content else None) or []:
                    if part.text and not part.thought:
                        text += part.text
                    if part.function_call:
                        calls.append([part.function_call.name, part.function_call.args or {}])
        return {"text": text, "calls": calls, "usage": usage}
    return ask


def ollama_client(base):
    import ollama
    client = ollama.Client(host=base)

    def ask(model, case, max_tokens=None):
        _, system, messages, tools, streamed = case
        told = [] if system is None else [{"role": "system", "content": system}]
        for message in messages:
            if message[0] == "calls":
                told.append({"role": "assistant", "content": "", "tool_calls": [
                    {"function": {"name": name, "arguments": arguments}} for _, name, arguments in message[1]]})
            elif message[0] == "result":
                told.append({"role": "tool", "tool_name": message[2], "content": message[3]})
            else:
                told.append({"role": message[0], "content": message[1]})
        more = {"tools": [{"type": "function", "function": tool} for tool in tools]} if tools else {}
        if streamed:
            answers = list(client.chat(model=model, messages=told, stream=True, **more))
        else:
            answers = [client.chat(model=model, messages=told, **more)]
        calls = [[call.function.name, dict(call.function.arguments)]
                 for answer in answers for call in answer.message.tool_calls or []]
        last = answers[-1]
        return {"text": "".join(answer.message.content or "" for answer in answers), "calls": calls,
                "usage": [last.prompt_eval_count or 0, last.eval_count or 0]}
    return ask


CLIENTS = {"openai": (openai_client, "/v1"), "anthropic": (anthropic_client, ""), "gemini": (gemini_client, ""),
           "ollama": (ollama_client, "")}
# The wire's own base: Anthropic's and Gemini's clients add the version themselves, and so do these.
MODELS = {"openai": "gpt-4o-mini", "anthropic": "claude-sonnet-4-5", "gemini": "gemini-2.5-flash", "ollama": "llama3.2"}


# ---- peers

def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Peer:
    def __init__(self, command, port, path="/health"):
        self.url = f"http://127.0.0.1:{port}"
        self.child = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                      stderr=subprocess.DEVNULL, start_new_session=True)
        until = time.monotonic() + 60
        while time.monotonic() < until:
            if self.child.poll() is not None:
                sys.exit(f"{command[0]} ended at once")
            try:
                urllib.request.urlopen(self.url + path, timeout=2).read()
                return
            except OSError:
                time.sleep(0.05)
        sys.exit(f"{command[0]} doesn't answer")

    def stop(self):
        os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()


def same_usage(ours, theirs):
    # A server that counts nothing says 0, or nothing at all.
    return (ours or [0, 0]) == (theirs or [0, 0])


def agree(ours, wire, peer, asked, max_tokens=None):
    build, path = CLIENTS[wire]
    theirs = build(peer + path)
    faults = []
    for case in asked:
        want = theirs(MODELS[wire], case, max_tokens)
        got = ours.ask(wire, peer + path, MODELS[wire], case, max_tokens)
        for what, same in (("text", got["text"] == want["text"]), ("calls", got["calls"] == want["calls"]),
                           ("usage", same_usage(got["usage"], want["usage"]))):
            if not same:
                faults.append(f"{wire}, {case[0]}: {what}: ours {got[what]!r}, theirs {want[what]!r}")
    return len(asked), faults


# ---- what a call takes

def streamed(wire, tokens):
    """A whole answer of so many tokens, chunked."""
    def event(data, name=None):
        return (f"event: {name}\n" if name else "") + f"data: {json.dumps(data)}\n\n"
    if wire == "openai":
        head = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
        piece = event({**head, "choices": [{"index": 0, "delta": {"content": " word"}, "finish_reason": None}]})
        end = event({**head, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]})
        parts = [piece] * tokens + [end, "data: [DONE]\n\n"]
    elif wire == "anthropic":
        begun = {"type": "message_start", "message": {
            "id": "m", "type": "message", "role": "assistant", "model": "m", "content": [], "stop_reason": None,
            "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 1}}}
        piece = event({"type": "content_block_delta", "index": 0,
                       "delta": {"type": "text_delta", "text": " word"}}, "content_block_delta")
        parts = [event(begun, "message_start"),
                 event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
                       "content_block_start")] + [piece] * tokens + [
                 event({"type": "content_block_stop", "index": 0}, "content_block_stop"),
                 event({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None},
                        "usage": {"output_tokens": tokens}}, "message_delta"),
                 event({"type": "message_stop"}, "message_stop")]
    elif wire == "gemini":
        said = {"content": {"parts": [{"text": " word"}], "role": "model"}, "index": 0}
        usage = {"promptTokenCount": 3, "candidatesTokenCount": 4, "totalTokenCount": 7}
        piece = event({"candidates": [said], "usageMetadata": usage, "modelVersion": "m"})
        parts = [piece] * tokens + [event({"candidates": [{**said, "finishReason": "STOP"}], "usageMetadata": usage})]
    else:
        head = {"model": "m", "created_at": "2026-01-01T00:00:00Z"}
        piece = json.dumps({**head, "message": {"role": "assistant", "content": " word"}, "done": False}) + "\n"
        parts = [piece] * tokens + [json.dumps({
            **head, "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop",
            "prompt_eval_count": 3, "eval_count": tokens}) + "\n"]
    kind = "application/x-ndjson" if wire == "ollama" else "text/event-stream"
    out = [f"HTTP/1.1 200 OK\r\ncontent-type: {kind}\r\ntransfer-encoding: chunked\r\n\r\n".encode()]
    for part in parts:
        data = part.encode()
        out.append(b"%x\r\n%s\r\n" % (len(data), data))
    return b"".join(out) + b"0\r\n\r\n"


def serve():
    """Answers from memory, on connections that stay open; a model that is called `long` has a long answer."""
    answers = {wire: {kind: streamed(wire, tokens) for kind, tokens in (("short", 1), ("long", LONG_TOKENS))}
               for wire in CLIENTS}
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    print(listener.getsockname()[1], flush=True)

    def talk(line):
        got = b""
        while True:
            while b"\r\n\r\n" not in got:
                more = line.recv(65536)
                if not more:
                    return
                got += more
            head, _, got = got.partition(b"\r\n\r\n")
            lower = head.lower()
            length = 0
            if b"content-length:" in lower:
                length = int(lower.split(b"content-length:")[1].split(b"\r\n")[0])
            while len(got) < length:
                got += line.recv(65536)
            body, got = got[:length], got[length:]
            path = head.split(b" ")[1]
            wire = ("openai" if b"chat/completions" in path else "anthropic" if b"/messages" in path
                    else "ollama" if b"/api/chat" in path else "gemini")
            line.sendall(answers[wire]["long" if b"long" in path + body else "short"])

    while True:
        line, _ = listener.accept()
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=talk, args=(line,), daemon=True).start()


def costs(ours):
    """(wire, ours a call, theirs a call, ours a token, theirs a token), in µs of processor time."""
    server = subprocess.Popen([sys.executable, __file__, "--serve"], stdout=subprocess.PIPE, text=True)
    base = f"http://127.0.0.1:{int(server.stdout.readline())}"
    rows = []
    try:
        for wire, (build, path) in CLIENTS.items():
            theirs = build(base + path)
            case = ("cost", None, [("user", "hi")], [], True)

            def their_cpu(model, times):
                theirs(model, case)
                begun = time.thread_time()
                for _ in range(times):
                    theirs(model, case)
                return (time.thread_time() - begun) / times * 1e6

            ours_short = ours.ask(wire, base + path, "short", case, times=CALLS)["cpu_us"]
            ours_long = ours.ask(wire, base + path, "long", case, times=5)["cpu_us"]
            short, long = their_cpu("short", CALLS), their_cpu("long", 2)
            rows.append((wire, ours_short, short, (ours_long - ours_short) / LONG_TOKENS,
                         (long - short) / LONG_TOKENS))
    finally:
        server.kill()
        server.wait()
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ask")
    parser.add_argument("--peers", type=Path)
    parser.add_argument("--fixtures", type=Path, default=Path(__file__).parent.parent / "fixtures/sdk")
    parser.add_argument("--only", choices=["agree", "cost"])
    parser.add_argument("--markdown", type=Path)
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        serve()
    cache = Path(os.environ.get("PEERS", Path.home() / ".cache/flow-peers"))
    ours = Ours(options.ask)
    out = []
    failed = False
    if options.only != "cost":
        count, faults = 0, []
        port = free_port()
        aimock = Peer(["node", str(cache / "npm/node_modules/@copilotkit/aimock/dist/cli.js"), "-p", str(port),
                       "-h", "127.0.0.1", "-f", str(options.fixtures), "--strict", "--log-level", "warn"], port)
        try:
            for wire in CLIENTS:
                asked, found = agree(ours, wire, aimock.url, cases())
                count, faults = count + asked, faults + found
        finally:
            aimock.stop()
        port = free_port()
        llama = Peer([str(cache / "venv/llama/bin/python"), str(options.peers / "llamacpp/serve.py"),
                      str(cache / "tiny-random.gguf"), str(port)], port)
        try:
            for wire in ("openai", "anthropic"):
                asked, found = agree(ours, wire, llama.url, llama_cases(), 8)
                count, faults = count + asked, faults + found
        finally:
            llama.stop()
        out.append(f"{count} requests, {len(faults)} of their answers read differently")
        out.extend(f"- {fault}" for fault in faults)
        failed = bool(faults) or count < 40
    if options.only != "agree":
        out += ["", "| wire | flowc, a call | its own client | flowc, a token | its own client |", "|---|---|---|---|---|"]
        out += [f"| {wire} | {call:.0f} µs | {their_call:.0f} µs | {token:.2f} µs | {their_token:.1f} µs |"
                for wire, call, their_call, token, their_token in costs(ours)]
    text = "\n".join(out) + "\n"
    print(text)
    if options.markdown:
        options.markdown.write_text(text)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
