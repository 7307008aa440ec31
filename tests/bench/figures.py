#!/usr/bin/env python3
"""The figures of a release build: cold start, steps in memory and durable, checking a large project.

usage: figures.py [--flowc PATH] [--runs 5] [--peers FOLDER] [--baml PATH] [--concurrent FILE] [--only check|run]
                  [--markdown FILE]

Every figure is the median of several whole processes, CPU time being user and system time of the process as the kernel
counts it. With --peers (a folder with `hello.py` and `linear.py` for LangGraph, run by the Python in $PEER_PYTHON) each
peer is timed in the same run, interleaved with ours, so that a ratio compares like with like on a noisy machine. With --baml
(its command line) its checker is timed on projects of as many files and lines. --concurrent names what
`cargo bench -p flow-host --bench runs -- run` has printed: no command starts many runs in one process.
"""

import argparse
import json
import os
import resource
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import projects


# CPU seconds after which BAML's checker is stopped.
BAML_CPU_MAX = 20


def timed(arguments, cwd, env=None, cpu_max=None):
    """CPU seconds, wall seconds and peak KiB of one process; `None` if it takes too much. Ends all if it fails."""
    def limited():
        if cpu_max:
            resource.setrlimit(resource.RLIMIT_CPU, (cpu_max, cpu_max))

    start = time.perf_counter()
    with tempfile.TemporaryFile() as output:
        child = subprocess.Popen(arguments, cwd=cwd, stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL, env=env, preexec_fn=limited)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        wall = time.perf_counter() - start
        if child.returncode in (-signal.SIGXCPU, -signal.SIGKILL) and cpu_max:
            return None
        if child.returncode != 0:
            output.seek(0)
            sys.exit(f"{' '.join(map(str, arguments))} ended with {child.returncode}:\n{output.read().decode()[-2000:]}")
    return usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss


def median(arguments, runs, cwd, env=None, fresh=None, cpu_max=None):
    rows = []
    for _ in range(runs):
        if fresh:
            fresh()
        rows.append(timed(arguments, cwd, env, cpu_max))
    if None in rows:
        return None
    return [statistics.median(column) for column in zip(*rows)]


HELLO = '''prompt greet(name: string) -> string {
  model: "ollama/llama3.2"
  user: "Greet ${name}."
}

flow hello(name: string = "world") -> string {
  return greet(name)
}
'''


DUE = """flow due(at: timestamp) -> string {
  wait until at
  return "done"
}
"""


def steps(count):
    """A flow of so many steps that do nothing but be on record."""
    return f"flow steps() {{\n  loop turns max {count} {{\n    wait 0s\n  }} else {{\n    return\n  }}\n}}\n"


def branches(count):
    return (
        f"flow branches(xs: [int](..{count})) -> [int] {{\n"
        f"  let out = parallel for x in xs jobs {count} {{\n    wait 0s\n    yield x\n  }}\n  return out\n}}\n"
    )


def watched(arguments, cwd, env, edits):
    """CPU and wall seconds of a watch from each edit to the end of its round: medians. An edit is called with its number."""
    ticks = os.sysconf("SC_CLK_TCK")
    child = subprocess.Popen(arguments, cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True)

    def round_end():
        for line in child.stdout:
            if '"checked"' in line:
                return json.loads(line)
        sys.exit(f"{' '.join(map(str, arguments))} ended")

    def spent():
        fields = Path(f"/proc/{child.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / ticks

    try:
        round_end()
        walls = []
        start = spent()
        for number, edit in enumerate(edits):
            begin = time.perf_counter()
            edit(number)
            found = round_end()
            if found["errors"] or found["warnings"]:
                sys.exit(f"an edit made {found}")
            walls.append(time.perf_counter() - begin)
        # The kernel counts in hundredths of a second, so all edits are counted together.
        return (spent() - start) / len(edits), statistics.median(walls)
    finally:
        child.terminate()
        child.wait()


def runs(options, flowc, folder, env, row):
    """What a run costs."""
    python = os.environ.get("PEER_PYTHON", sys.executable)
    cpu, wall, rss = median([flowc, "run", "hello.flow", "--simulate"], options.runs, folder, env)
    peer = None
    if options.peers:
        theirs = median([python, f"{options.peers}/hello.py"], options.runs, folder)
        peer = f"LangGraph {theirs[0] * 1e3:.0f} ms CPU, {theirs[2] / 1024:.0f} MiB: 1/{theirs[0] / cpu:.0f}"
    row("hello, cold, simulated, on record", f"{cpu * 1e3:.1f} ms CPU, {wall * 1e3:.1f} ms, {rss / 1024:.1f} MiB", peer)

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
    row("a branch of 1,000 / of 10,000, in memory", f"{a * 1e6:.1f} / {b * 1e6:.1f} µs CPU, {many[2] / 1024:.0f} MiB, {b / a:.2f} times")
    concurrent(options, row)
    suspended(options, flowc, folder, env, row)


def concurrent(options, row):
    """What many runs at once take: three steps of 50 ms each."""
    python = os.environ.get("PEER_PYTHON", sys.executable)
    lines = Path(options.concurrent).read_text().splitlines() if options.concurrent else []
    for found in (json.loads(line) for line in lines if line.startswith("{")):
        if found["what"] != "run":
            continue
        peer = None
        if options.peers:
            mode = "none" if found["store"] == "memory" else "sqlite"
            out = subprocess.run([python, f"{options.peers}/conc.py", str(found["count"]), mode, "1"], capture_output=True, text=True)
            if out.returncode != 0:
                sys.exit(f"{options.peers}/conc.py failed:\n{out.stderr[-2000:]}")
            theirs = json.loads(out.stdout.strip().splitlines()[-1])
            cpu = theirs["cpu_us_per_unit"]
            peer = f"LangGraph {theirs['median_s']:.2f} s, {cpu:.0f} µs CPU a run: 1/{theirs['median_s'] / found['wall_s']:.0f}, 1/{cpu / found['cpu_us']:.0f}"
        row(f"{found['count']:,} runs of 3 × 50 ms at once, {found['store']}", f"{found['wall_s']:.2f} s, {found['cpu_us']:.0f} µs CPU a run", peer)


def suspended(options, flowc, folder, env, row):
    """What 10,000 suspended runs take, and how soon 100 of them that are due in the same second have gone on."""
    database = folder / "due.db"
    store = ["--store", f"sqlite:{database}"]

    def suspend(count, until):
        """So many runs that wait until a time, two processes at a time."""
        start = [flowc, "run", "due.flow", f"at={until}", "--wait-max", "0s", *store]
        left, live = count, []
        while left or live:
            while left and len(live) < 2:
                live.append(subprocess.Popen(start, cwd=folder, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
                left -= 1
            if live.pop(0).wait() != 4:
                sys.exit("a run that waits isn't suspended")

    def instant(seconds):
        return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))

    suspend(1, instant(time.time() + 90 * 86400))
    one = database.stat().st_size
    suspend(9_999, instant(time.time() + 90 * 86400))
    # The log that is written ahead is a part of the store.
    subprocess.run([flowc, "runs", "list", *store], cwd=folder, env=env, capture_output=True)
    size = (database.stat().st_size - one) / 9_999

    watch = [flowc, "resume", "--due", "--watch", *store]
    driver = subprocess.Popen(watch, cwd=folder, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, stdin=subprocess.DEVNULL, text=True)

    def spent():
        fields = Path(f"/proc/{driver.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    try:
        time.sleep(1)
        idle = spent()
        time.sleep(10)
        idle = (spent() - idle) / 10
        took = []
        for _ in range(options.runs):
            due = int(time.time()) + 6
            suspend(100, instant(due))
            if time.time() >= due:
                sys.exit("100 runs took longer to suspend than to be due")
            for _ in range(100):
                line = driver.stdout.readline()
                if " done " not in line:
                    sys.exit(f"a run that is due isn't done: {line}")
            took.append(time.time() - due)
        memory = next(line for line in Path(f"/proc/{driver.pid}/status").read_text().splitlines() if line.startswith("VmHWM"))
    finally:
        driver.terminate()
        driver.wait()
    row("10,000 suspended runs", f"{size:.0f} bytes each; who waits for them: {idle * 1e3:.1f} ms CPU a second, {int(memory.split()[1]) / 1024:.0f} MiB")
    row("100 of them due in the same second, all done in", f"{statistics.median(took):.2f} s")


def checks(options, flowc, folder, env, row):
    """What a check costs, cold and after a change."""
    cpu, wall, rss = median([flowc, "check", "hello.flow"], options.runs, folder, env)
    row("check hello", f"{cpu * 1e3:.1f} ms CPU, {wall * 1e3:.1f} ms, {rss / 1024:.1f} MiB")

    for files in (200, 2_000):
        place = folder / f"project{files}"
        lines = projects.flow(place, files)
        cpu, wall, rss = median([flowc, "check", place.name], options.runs, folder, env)
        peer = None
        if options.baml:
            other = projects.baml(folder / f"peer{files}" / "baml_src", files)
            check = [options.baml, "check", "--no-version-check", "--from", "baml_src"]
            quiet = dict(env, BAML_LOG="off")
            # Its time grows faster than the project; where it takes minutes, it is stopped.
            theirs = median(check, options.runs if files <= 200 else 1, folder / f"peer{files}", quiet, cpu_max=BAML_CPU_MAX)
            peer = f"BAML {other:,} lines: "
            if theirs:
                peer += f"{theirs[0] * 1e3:.0f} ms CPU, {theirs[2] / 1024:.0f} MiB: 1/{theirs[0] / cpu:.1f}"
            else:
                peer += f"over {BAML_CPU_MAX} s CPU, stopped: 1/{BAML_CPU_MAX / cpu:.0f} at best"
        row(f"check {lines:,} lines in {files:,} files", f"{cpu * 1e3:.0f} ms CPU, {wall * 1e3:.0f} ms, {rss / 1024:.0f} MiB", peer)

    # Files that changed a moment ago are read once more before their times are trusted.
    time.sleep(4)
    file = folder / "project2000" / "m0120.flow"
    text = file.read_text()

    def body(number):
        file.write_text(text.replace("Review this.", f"Review this {number} times.", 1))

    def signature(number):
        changed = text.replace("(topic: string) -> int", f"(topic: string, more: int = {number}) -> int", 1)
        file.write_text(changed.replace("return topic.size()", "return topic.size() + more", 1))

    watch = [flowc, "check", "project2000", "--watch", "--format", "json"]
    for what, edit in (("body", body), ("signature", signature)):
        cpu, wall = watched(watch, folder, env, [edit] * (4 * options.runs))
        row(f"the same again after a {what} has changed", f"{cpu * 1e3:.0f} ms CPU, {wall * 1e3:.0f} ms")


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--flowc", default="target/release/flowc")
    options.add_argument("--runs", type=int, default=5)
    options.add_argument("--peers")
    options.add_argument("--baml")
    options.add_argument("--concurrent")
    options.add_argument("--only", choices=["check", "run"])
    options.add_argument("--markdown")
    options = options.parse_args()
    # Programs are started in folders of their own.
    flowc = str(Path(options.flowc).resolve())
    options.peers = options.peers and str(Path(options.peers).resolve())
    options.baml = options.baml and str(Path(options.baml).absolute())
    rows = []

    def row(what, ours, peer=None):
        rows.append((what, ours, peer or "–"))
        print(f"{what:48} {ours:32} {peer or ''}", flush=True)

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        env = dict(os.environ, XDG_STATE_HOME=str(folder / "state"), NO_COLOR="1")
        for text, file in ((DUE, "due.flow"), (HELLO, "hello.flow"), (steps(1), "one.flow"), (steps(1001), "steps.flow"), (branches(10_000), "branches.flow")):
            (folder / file).write_text(text)

        if options.only != "check":
            runs(options, flowc, folder, env, row)
        if options.only != "run":
            checks(options, flowc, folder, env, row)

    if options.markdown:
        table = ["| what | flowc | beside it |", "|---|---|---|", *(f"| {' | '.join(cells)} |" for cells in rows)]
        Path(options.markdown).write_text("\n".join(table) + "\n")


if __name__ == "__main__":
    main()
