#!/usr/bin/env python3
"""The figures of a release build: cold start, steps in memory and durable, checking a large project.

usage: figures.py [--flowc PATH] [--runs 5] [--peers FOLDER] [--markdown FILE]

Every figure is the median of several whole processes, CPU time being user and system time of the process as the kernel
counts it. With --peers (a folder with `hello.py` and `linear.py` for LangGraph, run by the Python in $PEER_PYTHON) each
peer is timed in the same run, interleaved with ours, so that a ratio compares like with like on a noisy machine.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path


def timed(arguments, cwd, env=None):
    """CPU seconds, wall seconds and peak KiB of one process; raises if it fails."""
    import time

    start = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(arguments, cwd=cwd, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=env)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - start
        if child.returncode != 0:
            output.seek(0)
            sys.exit(f"{' '.join(map(str, arguments))} ended with {child.returncode}:\n{output.read().decode()[-2000:]}")
    return usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss


def median(arguments, runs, cwd, env=None, fresh=None):
    rows = []
    for _ in range(runs):
        if fresh:
            fresh()
        rows.append(timed(arguments, cwd, env))
    return [statistics.median(column) for column in zip(*rows)]


HELLO = '''prompt greet(name: string) -> string {
  model: "ollama/llama3.2"
  user: "Greet ${name}."
}

flow hello(name: string = "world") -> string {
  return greet(name)
}
'''


def steps(count):
    """A flow of so many steps that do nothing but be on record."""
    return f"flow steps() {{\n  loop turns max {count} {{\n    wait 0s\n  }} else {{\n    return\n  }}\n}}\n"


def branches(count):
    return (
        f"flow branches(xs: [int](..{count})) -> [int] {{\n"
        f"  let out = parallel for x in xs jobs {count} {{\n    wait 0s\n    yield x\n  }}\n  return out\n}}\n"
    )


def project(folder, files, lines):
    """A project of so many files and about so many lines: types, prompts, code and a flow in each, chained by imports."""
    folder.mkdir(parents=True)
    (folder / "flow.toml").write_text('[project]\nname = "large"\nentry = "m0000.flow"\n\n[models]\ndefault = "ollama/llama3.2"\n')
    per_file = lines // files
    written = 0
    for index in range(files):
        out = []
        if index % 8:
            out.append(f'import {{ flow_{index - 1}_0 }} from "./m{index - 1:04}.flow"\n')
        # A block has about 40 lines; files have one or two, so that the mean is what was asked for.
        for block in range(per_file // 40 + (index * (per_file % 40) // 40 != (index + 1) * (per_file % 40) // 40)):
            name = f"{index}_{block}"
            call = f"    let before = flow_{index - 1}_0(topic, 2)\n    log += [before.text]\n" if index % 8 and block == 0 else ""
            out.append(f"""
/// The review of one text.
type Review{name.replace("_", "X")} {{
  score: int(1..5)
  verdict: "accept" | "revise"
  fixes: [string(..200)](..6)
}}

prompt review_{name}(text: string) -> Review{name.replace("_", "X")} {{
  system: "You are a fair editor."
  user: \"\"\"
    Review this.

    ${{text}}
    \"\"\"
  repair: 2
}}

prompt rewrite_{name}(text: string, fixes: [string]) -> string {{
  user: "Rewrite: ${{text}}, minding ${{fixes.join("; ")}}"
}}

code better_{name}(a: int, b: int) -> bool = a > b && (a - b > 1 || b < 3)

flow flow_{name}(topic: string(..200), rounds: int(1..5) = 3) -> {{text: string, score: int}} {{
  state {{ text: string = topic  score: int = 1  log: [string] = [] }}
  loop polish max rounds {{
    let review = review_{name}(text)
{call}    break if better_{name}(review.score, score)
    route review.verdict {{
      when "accept" => break
      when "revise" => text = rewrite_{name}(text, review.fixes)
    }}
    score = review.score
  }} else {{
    score += log.size()
  }}
  return {{text: text, score: score}}
}}
""")
        text = "".join(out)
        written += text.count("\n")
        (folder / f"m{index:04}.flow").write_text(text)
    return written


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--flowc", default="target/release/flowc")
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--peers")
    options.add_argument("--markdown")
    options = options.parse_args()
    flowc = str(Path(options.flowc).resolve())
    python = os.environ.get("PEER_PYTHON", sys.executable)
    rows = []

    def row(what, ours, peer=None):
        rows.append((what, ours, peer or "–"))
        print(f"{what:48} {ours:32} {peer or ''}", flush=True)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        env = dict(os.environ, XDG_STATE_HOME=str(folder / "state"), NO_COLOR="1")
        for text, file in ((HELLO, "hello.flow"), (steps(1), "one.flow"), (steps(1001), "steps.flow"), (branches(10_000), "branches.flow")):
            (folder / file).write_text(text)

        cpu, wall, rss = median([flowc, "run", "hello.flow", "--simulate"], options.runs, folder, env)
        peer = None
        if options.peers:
            theirs = median([python, f"{options.peers}/hello.py"], options.runs, folder)
            peer = f"LangGraph {theirs[0] * 1e3:.0f} ms CPU, {theirs[2] / 1024:.0f} MiB: 1/{theirs[0] / cpu:.0f}"
        row("hello, cold, simulated, on record", f"{cpu * 1e3:.1f} ms CPU, {wall * 1e3:.1f} ms, {rss / 1024:.1f} MiB", peer)

        cpu, wall, rss = median([flowc, "check", "hello.flow"], options.runs, folder, env)
        row("check hello", f"{cpu * 1e3:.1f} ms CPU, {wall * 1e3:.1f} ms, {rss / 1024:.1f} MiB")

        for label, store, peer_mode in (("in memory", "memory:", "none"), ("durable", None, "sqlite")):
            database = folder / "steps.db"

            def fresh():
                for file in folder.glob("steps.db*"):
                    file.unlink()

            url = store or f"sqlite:{database}"
            one = median([flowc, "run", "one.flow", "--store", url], options.runs, folder, env, fresh)
            small = database.stat().st_size if database.exists() else 0
            many = median([flowc, "run", "steps.flow", "--store", url], options.runs, folder, env, fresh)
            each = (many[0] - one[0]) / 1000
            size = ""
            if not store:
                subprocess.run([flowc, "runs", "list", "--store", url], cwd=folder, env=env, capture_output=True)
                size = f", {(database.stat().st_size - small) / 1000:.0f} bytes"
            peer = None
            if options.peers:
                out = subprocess.run([python, f"{options.peers}/linear.py", "1000", peer_mode, "3"], capture_output=True, text=True)
                if out.returncode != 0:
                    sys.exit(f"{options.peers}/linear.py failed:\n{out.stderr[-2000:]}")
                theirs = json.loads(out.stdout.strip().splitlines()[-1])["cpu_us_per_unit"]
                peer = f"LangGraph {theirs:.0f} µs CPU: 1/{theirs / (each * 1e6):.0f}"
            row(f"a step that does nothing, {label}", f"{each * 1e6:.1f} µs CPU{size}", peer)

        for count in (1_000, 10_000):
            (folder / f"xs{count}.json").write_text(json.dumps({"xs": list(range(count))}))
        wide = [flowc, "run", "branches.flow", "--store", "memory:", "--input"]
        few = median([*wide, "xs1000.json"], options.runs, folder, env)
        many = median([*wide, "xs10000.json"], options.runs, folder, env)
        base = median([flowc, "run", "one.flow", "--store", "memory:"], options.runs, folder, env)
        a, b = (few[0] - base[0]) / 1_000, (many[0] - base[0]) / 10_000
        row("a branch of 1,000 / of 10,000, in memory", f"{a * 1e6:.1f} / {b * 1e6:.1f} µs CPU, {many[2] / 1024:.0f} MiB")

        lines = project(folder / "large", 2_000, 100_000)
        cpu, wall, rss = median([flowc, "check", "large"], options.runs, folder, env)
        row(f"check {lines:,} lines in 2,000 files", f"{cpu * 1e3:.0f} ms CPU, {wall * 1e3:.0f} ms, {rss / 1024:.0f} MiB")

    if options.markdown:
        table = ["| what | flowc | beside it |", "|---|---|---|", *(f"| {' | '.join(cells)} |" for cells in rows)]
        Path(options.markdown).write_text("\n".join(table) + "\n")


if __name__ == "__main__":
    main()
