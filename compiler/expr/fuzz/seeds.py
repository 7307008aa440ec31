#!/usr/bin/env python3
"""What to start from: seeds.py FOLDER writes FOLDER/texts/*, FOLDER/programs/* and FOLDER/words.

Expressions stand in the splices of the examples and of the language's tests, and, where it is at hand, in the suite of CEL.
Programs are drawn from bytes of chance, always the same. The words are the names of the function table, read from its rows.
"""

import hashlib
import json
import random
import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
BYTES_MAX = 600


def expressions():
    for folder in ("examples", "tests/suite"):
        for file in sorted((ROOT / folder).rglob("*")):
            if file.suffix in (".flow", ".md"):
                text = file.read_text()
                for found in re.findall(r"\$\{([^{}]+)\}", text):
                    yield 2, found
                for found in re.findall(r"(?m)^\s+(return .+)$", text):
                    yield 3, "  " + found
    cel = ROOT.parent / "shared/corpus/cel/conformance.jsonl"
    if cel.is_file():
        for number, line in enumerate(cel.read_text().splitlines()):
            yield number % 2, json.loads(line)["expr"]
    else:
        print("SKIPPED: the expressions of CEL's suite: no ../shared/corpus/cel", file=sys.stderr)


def words():
    for file in sorted((ROOT / "compiler/expr/src/functions").glob("*.rs")):
        for row in re.findall(r'(?:row|form|rounding!|getter!)\(\s*("[^"]*"(?:[\s,]*"[^"]*")*)', file.read_text()):
            yield from re.findall(r'"([A-Za-z_.]+)"', row)
    yield from ("&&", "||", "==", "!=", "<=", ">=", "??", "?.", "[?", " in ", " as ", " is ", " ? ", " : ", "null", "true")
    yield from ("9223372036854775807", "-9223372036854775808", "0u", "1e308", "0.0", "1.5", "b'", "r'", "'''", "\\u00e9", "has(")


folder = Path(sys.argv[1])
texts = folder / "texts"
texts.mkdir(parents=True, exist_ok=True)
count = 0
for mode, text in expressions():
    data = bytes([mode, 0]) + text.encode()
    if len(data) <= BYTES_MAX:
        (texts / hashlib.sha1(data).hexdigest()).write_bytes(data)
        count += 1
programs = folder / "programs"
programs.mkdir(parents=True, exist_ok=True)
chance = random.Random(20261122)
for number in range(600):
    # The first two bytes choose what the program is made around: each row, macro and node, one after the other.
    data = number.to_bytes(2, "big") + chance.randbytes(chance.choice((20, 60, 150, 400, 900)))
    (programs / f"{number:04}").write_bytes(data)
escaped = [word.replace("\\", "\\\\").replace('"', '\\"') for word in sorted(set(words()))]
(folder / "words").write_text("".join(f'"{word}"\n' for word in escaped))
print(f"{count} texts, 600 programs and {len(escaped)} words to start from")
