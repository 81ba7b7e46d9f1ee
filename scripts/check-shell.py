#!/usr/bin/env python3
"""Asserts that every shell script parses, and that none pipes into a reader that may leave early.

With `pipefail` the writer's SIGPIPE is then the pipe's result: `ldd … | grep -q …` failed once in 125 times.
What is looked for is taken into a variable, or read to its end.
"""

import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent

# grep leaves at its first match where nothing is to be written, too.
LEAVES_EARLY = re.compile(
    r"(?<!\|)\|(?!\|)\s*(?:"
    r"grep\s+(?:\S+\s+)*?(?:-\w*[qm]|--quiet|--max-count)"
    r"|grep\b[^|]*>\s*/dev/null"
    r"|head\b"
    r"|sed\s+(?:-\w+\s+)*(?:[0-9]+q\b|'[^']*[0-9/;{ ]q[;} ]*')"
    r"|awk\s[^|]*\bexit\b"
    r")"
)


def scripts() -> list[pathlib.Path]:
    return [ROOT / ".ci" / "run", *sorted(ROOT.glob("scripts/*.sh")), *sorted(ROOT.glob("peers/*/*.sh"))]


def main() -> int:
    wrong = []
    for script in scripts():
        parsed = subprocess.run(["bash", "-n", script], capture_output=True, text=True)
        if parsed.returncode:
            wrong.append(parsed.stderr.strip())
        for number, line in enumerate(script.read_text().splitlines(), 1):
            if not line.lstrip().startswith("#") and LEAVES_EARLY.search(line):
                wrong.append(f"{script.relative_to(ROOT)}:{number}: a reader that may leave its pipe early: {line.strip()}")
    for line in wrong:
        print(line, file=sys.stderr)
    print(f"shell: {len(scripts())} scripts, {len(wrong)} faults")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
