"""The documentation says what there is."""
import os
import re
import subprocess

from testbed.base import BUILD, ROOT

PAGES = sorted(p for d in (".", "docs", "postfix", "sendmail-cf", "bench") for p in (ROOT / d).glob("*.md"))
MANUALS = {p.name: p.read_text() for p in (ROOT / "docs/man").iterdir()}


def test_links_lead_somewhere():
    assert len(PAGES) > 5
    for page in PAGES:
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text()):
            if "://" not in target:
                assert (page.parent / target).exists(), f"{page}: {target}"


def test_files_that_are_named_exist():
    for page in PAGES:
        for name in re.findall(r"`((?:testbed|tests|bench|base|mail|sources|policies|queues|console|examples|postfix"
                               r"|docs|packaging|sendmail-cf)/[\w./-]*\w)`", page.read_text()):
            assert (ROOT / name).exists(), f"{page}: {name}"


def test_make_targets_that_are_named_exist():
    makefile = (ROOT / "Makefile").read_text()
    for page in PAGES:
        for words in re.findall(r"(?m)(?:`|^    |&& )make ([a-z][a-z -]*)", page.read_text()):
            for target in words.split():
                assert re.search(rf"(?m)^{target}:", makefile), f"{page}: make {target}"


def test_every_program_has_its_manual():
    programs = [p.name for p in BUILD.iterdir() if p.is_file() and os.access(p, os.X_OK)]
    assert len(programs) == 3
    for name in programs:
        assert f".Nm {name}" in MANUALS[f"{name}.8"]


def test_the_manual_of_rollcallctl_has_every_command():
    usage = subprocess.run([BUILD / "rollcallctl", "--help"], check=True, stdout=subprocess.PIPE, text=True).stdout
    commands = re.findall(r"(?m)^  ([a-z]+) ", usage)
    assert len(commands) > 10
    for command in commands:
        assert f".It Ic {command}" in MANUALS["rollcallctl.8"]


def test_the_manual_of_rollcall_postfix_has_every_command_and_option():
    script, manual = (ROOT / "postfix/rollcall-postfix").read_text(), MANUALS["rollcall-postfix.8"]
    for command in re.search(r"case \$command in ([a-z |]+)\)", script).group(1).split(" | "):
        assert f".It Cm {command}\n" in manual, command
    for option in re.search(r"getopts (\S+)", script).group(1).replace(":", ""):
        assert re.search(rf"(?m)^\.It Fl {option}\b", manual), option


def test_the_manuals_of_the_configuration_have_every_setting():
    """Those of checks are in one of their own."""
    text, checks = ((BUILD / name).read_text() for name in ("rollcall.yaml.5", "rollcall-policies.7"))
    assert "@SETTINGS@" not in text + checks and not set(re.findall(r"(?m)^\.Ss .*", text)) & set(re.findall(r"(?m)^\.Ss .*", checks))
    text += checks
    rows = set()
    for path in ROOT.rglob("*.c"):
        if path.relative_to(ROOT).parts[0] not in ("tests", "bench"):
            rows |= set(re.findall(r'\{ \.name = "([a-z_-]+)", \.kind = KIND_', path.read_text()))
    assert len(rows) > 60
    for name in rows:
        assert f".It Ic {name} :" in text, name


def test_every_check_is_in_the_manual_and_on_the_page():
    """In the same order; and the manual says of the same ones that they can stand several times, and are always asked."""
    manual, page = (BUILD / "rollcall-policies.7").read_text(), (ROOT / "docs/policies.md").read_text()
    sections = dict(re.findall(r"(?ms)^\.Ss ([a-z-]+)\n(.*?)(?=^\.S[sh] )", manual))
    rows = dict(re.findall(r"(?m)^\| `([a-z-]+)` \| (?:RCPT|DATA|end|as told).*? \| (.*) \| \d", page))
    names = re.findall(r'\.name = "([a-z-]+)",\n\t\.summary', "".join(p.read_text() for p in (ROOT / "policies").glob("*.c")))
    assert list(sections) == list(rows) and sorted(sections) == sorted(names) and len(names) > 20
    for name, text in sections.items():
        assert ("May stand several times" in text) == ("several times" in rows[name]), name
        assert ("Also where it is not named" in text) == ("lways asked" in rows[name]), name
        assert re.search(rf"(?m)^## {name}$", page), name


def test_every_event_of_the_log_is_in_a_manual():
    text = MANUALS["rollcall-milter.8"] + MANUALS["rollcall-expander.8"]
    for folder in ("milter", "expander"):
        for path in (ROOT / folder).rglob("*.c"):
            for event in re.findall(r'log_begin\([^";]*"(\w+)"', path.read_text()):
                assert f".It Ic {event}\n" in text, f"{path}: {event}"


def test_steps_of_the_spool_are_those_of_the_table():
    """docs/spool.md and the code number the same steps."""
    steps = {int(n) for n in re.findall(r"(?m)^\| (\d+) \|", (ROOT / "docs/spool.md").read_text())}
    code = {int(n) for path in (ROOT / "queues").glob("spool*.c")
            for words in re.findall(r"\bstep\(([^)]*)\)", path.read_text()) for n in re.findall(r"\b\d+\b", words)}
    assert steps == code
