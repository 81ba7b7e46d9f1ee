#!/usr/bin/env python3
"""Asserts that docs/rfc-map.md and docs/attacks.md tell the truth about this tree.

Every file they name exists, every test is a test of that file, and every row
has a test or a reason. With --texts DIR, where rfc3711.txt and the
others lie as the RFC Editor publishes them, also that every sentence with a
MUST or a SHOULD is in a row, and in one only. With --list RFC SECTION and
--texts, prints the sentences as they are counted.
"""

import argparse
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
RFC_MAP = "docs/rfc-map.md"
ATTACKS = "docs/attacks.md"
# Paths of the RFC map that do not begin with a folder of the root are below this one.
BASE = "srtp"

# What is mapped of each RFC: all of it, or the sections that begin so.
MAPPED = {
    "3711": "",
    "4568": "",
    "4771": "",
    "5764": "4",
    "6188": "",
    "6904": "",
    "7714": "",
    "9335": "",
}

LEVEL = re.compile(r"\b(MUST|SHALL|SHOULD|REQUIRED|RECOMMENDED|MANDATORY)\b")
HEADING = re.compile(r"^(?:Appendix )?((?:\d+|[A-Z])(?:\.\d+)*)(?:\.| -)? {1,3}\S")
CONTENTS = re.compile(r"\. ?\. ?\.|\.\.\.")


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--texts", type=pathlib.Path)
    arguments.add_argument("--list", nargs=2, metavar=("RFC", "SECTION"))
    arguments = arguments.parse_args()
    if arguments.list:
        rfc, section = arguments.list
        for number, sentence in clauses(arguments.texts, rfc).get(section, {}).items():
            print(f"{number}: {sentence}")
        return

    rows, faults = read_rfc_map()
    attacks = read_attacks()
    for row in rows + attacks:
        faults += check_row(row)
    if arguments.texts:
        faults += check_completeness(rows, arguments.texts)
    for fault in faults:
        print(fault, file=sys.stderr)
    if faults:
        sys.exit(1)
    clauses_mapped = sum(len(row.clauses) for row in rows)
    tests = {test for row in rows + attacks for test in row.tests}
    print(f"{clauses_mapped} clauses, {len(attacks)} attacks: {len(tests)} tests, all of them there")
    if arguments.texts:
        print("no clause of the RFCs' texts is missing")


class Row:
    """A line of a table: what it is about, the files that answer it, the tests that show it."""

    def __init__(self, where, about, kept, shown):
        self.where = where
        self.about = about
        self.shown = shown
        self.files = [token for token in re.findall(r"`([^`]+)`", kept) if is_path(token)]
        self.tests = []
        file = None
        # A reason may name what it likes.
        for token in [] if shown.startswith("–") else re.findall(r"`([^`]+)`", shown):
            if is_path(token):
                file = token
            else:
                self.tests.append((file, token))

    def fault(self, text):
        return f"{self.where}: {self.about}: {text}"


class Clauses(Row):
    """A row of the RFC map."""

    def __init__(self, where, rfc, cells):
        place, _, kept, shown = cells
        self.rfc = rfc
        self.section, _, numbers = place.removeprefix("§").partition(":")
        super().__init__(where, f"RFC {rfc} §{self.section}", kept, shown)
        self.clauses = []
        for part in numbers.replace(" ", "").split(","):
            first, _, last = part.partition("-")
            self.clauses += range(int(first), int(last or first) + 1)


def tables(document):
    """The rows of all tables, with their place and the heading above."""
    heading = ""
    for line, text in enumerate((ROOT / document).read_text().splitlines(), 1):
        if text.startswith("## "):
            heading = text[3:]
        elif text.startswith("| ") and not text.startswith(("| clauses |", "| attack")):
            yield f"{document}:{line}", heading, [cell.strip() for cell in text.strip("| ").split(" | ")]


def read_rfc_map():
    rows, faults = [], []
    for where, heading, cells in tables(RFC_MAP):
        try:
            rows.append(Clauses(where, re.match(r"RFC (\d+)", heading)[1], cells))
        except ValueError:
            faults.append(f"{where}: not four cells of which the first is §SECTION:CLAUSES")
    return rows, faults


def read_attacks():
    return [Row(where, cells[0], *cells[1:]) for where, _, cells in tables(ATTACKS)]


def is_path(token):
    return bool(re.fullmatch(r"[\w./-]+\.(rs|py|sh|md|toml|sol|json|pcap)|[\w./-]+/", token))


def resolved(path):
    return ROOT / path if (ROOT / path.split("/")[0]).exists() else ROOT / BASE / path


def check_row(row):
    faults = []
    for path in row.files + [file for file, _ in row.tests if file]:
        if not resolved(path).exists():
            faults.append(row.fault(f"there is no {path}"))
    for file, test in row.tests:
        if file is None:
            faults.append(row.fault(f"{test} stands behind no file"))
        elif resolved(file).is_file() and test not in tests_of(resolved(file)):
            faults.append(row.fault(f"{file} has no test {test}"))
    reason = row.shown.startswith("–") and len(row.shown) > 10
    if not row.tests and not reason:
        faults.append(row.fault("neither a test nor a reason"))
    return faults


def tests_of(path, known={}):
    if path not in known:
        text = path.read_text()
        attributes = r"#\[(?:tokio::)?test(?:\([^)]*\))?\]\s*(?:#\[[^\]]*\]\s*)*(?:///[^\n]*\s*)*(?:async )?fn (\w+)"
        known[path] = set(re.findall(attributes, text))
        if path.suffix == ".py":
            known[path] = set(re.findall(r"def (test_\w+)", text))
    return known[path]


def check_completeness(rows, texts):
    faults = []
    for rfc, prefix in MAPPED.items():
        mapped = {}
        for row in rows:
            if row.rfc == rfc:
                for number in row.clauses:
                    mapped.setdefault((row.section, number), []).append(row)
        there = {
            (section, number): sentence
            for section, sentences in clauses(texts, rfc).items()
            if section.startswith(prefix)
            for number, sentence in sentences.items()
        }
        for (section, number), sentence in there.items():
            if (section, number) not in mapped:
                faults.append(f"{RFC_MAP}: RFC {rfc} §{section}:{number} is in no row: {sentence[:90]}")
        for (section, number), named in mapped.items():
            if (section, number) not in there:
                faults.append(named[0].fault(f"the RFC has no clause {number} there"))
            if len(named) > 1:
                faults.append(named[1].fault(f"clause {number} is in two rows"))
    return faults


def clauses(texts, rfc):
    """The sentences with a keyword, numbered within each section."""
    text = (texts / f"rfc{rfc}.txt").read_text(encoding="latin-1")
    sections, section, body = {}, None, []
    for line in pages_joined(text) + ["99. End"]:
        heading = HEADING.match(line)
        if heading and not CONTENTS.search(line):
            found = [s for s in sentences("\n".join(body)) if LEVEL.search(s)]
            # The paragraph that says what the keywords mean demands nothing.
            found = [s for s in found if "2119" not in s]
            if section and found:
                sections.setdefault(section, {}).update(enumerate(found, 1))
            section, body = heading[1], []
        else:
            body.append(line)
    return sections


def pages_joined(text):
    """The lines, without the page breaks that fall into sentences."""
    lines = []
    at_break = False
    for line in text.splitlines():
        line = line.removeprefix("\f").rstrip()
        if re.search(r"\[Page \d+\]$", line) or re.match(r"RFC \d+ .* \d{4}$", line):
            while lines and not lines[-1]:
                lines.pop()
            at_break = True
        elif at_break and not line:
            continue
        else:
            if at_break and lines and lines[-1].endswith((".", ":", ";")):
                lines.append("")
            at_break = False
            lines.append(line)
    return lines


def sentences(text):
    for paragraph in re.split(r"\n\s*\n", text):
        if "+-+-" in paragraph:
            continue  # a figure
        joined = re.sub(r"\s+", " ", paragraph).strip()
        yield from re.split(r"(?<=[.;:])(?<!i\.e\.)(?<!e\.g\.) (?=[A-Z*\"<(o-])", joined)


if __name__ == "__main__":
    main()
