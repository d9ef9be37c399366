"""rollcallctl metrics: a page that Prometheus takes, and numbers that are what happened."""
import math
import re
import threading
import time

from testbed import client, directory
from testbed.base import BUILD, ROOT, wait_until
from testbed.milter import Milter

SAMPLE = re.compile(r'([a-z_][a-z0-9_]*)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\[\\"n])*",?)+)\})? (\S+)')
LABEL = re.compile(r'([a-z_]+)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)')


class Page:
    """The text format, version 0.0.4, taken no less strictly than by its reference parser."""

    def __init__(self, text):
        assert text.endswith("\n") and "\n\n" not in text
        self.families, self.samples, name = {}, {}, None
        lines = text.split("\n")[:-1]
        while lines:
            line = lines.pop(0)
            if line.startswith("#"):
                name, help_ = re.fullmatch(r"# HELP (\S+) (\S.*)", line).groups()
                type_ = re.fullmatch(rf"# TYPE {name} (counter|gauge|histogram)", lines.pop(0)).group(1)
                assert name not in self.families, f"{name} comes twice"
                self.families[name] = (type_, help_)
                continue
            sample, labels, value = SAMPLE.fullmatch(line).groups()
            suffix = sample[len(name):] if sample.startswith(name) else None
            assert suffix in (("_bucket", "_sum", "_count") if self.families[name][0] == "histogram" else ("",)), line
            pairs = LABEL.findall(labels or "")
            assert len(dict(pairs)) == len(pairs) and ",".join(f'{k}="{v}"' for k, v in pairs) == (labels or "")
            key = sample, frozenset(pairs)
            assert key not in self.samples, f"{line}: twice"
            self.samples[key] = float(value)
        for name, (type_, _) in self.families.items():
            assert type_ != "counter" or name.endswith("_total"), name
            assert type_ == "counter" or not name.endswith("_total"), name
            if type_ == "histogram":
                self.check_histogram(name)
        assert all(v >= 0 and math.isfinite(v) for v in self.samples.values())

    def check_histogram(self, name):
        """One, or one for each value of its other labels."""
        for labels in {k[1] for k in self.samples if k[0] == name + "_count"}:
            buckets = sorted((float(dict(k[1])["le"].replace("+Inf", "inf")), v) for k, v in self.samples.items()
                             if k[0] == name + "_bucket" and {p for p in k[1] if p[0] != "le"} == labels)
            counts = [v for _, v in buckets]
            assert counts == sorted(counts) and buckets[-1][0] == math.inf
            assert counts[-1] == self.samples[name + "_count", labels]
            assert (name + "_sum", labels) in self.samples

    def get(self, name, **labels):
        """One sample; 0 where there is none, as what never happened may be left out."""
        assert re.sub("_(bucket|sum|count)$", "", name) in self.families or name in self.families, name
        return self.samples.get((name, frozenset(labels.items())), 0)


def page(site):
    return Page(site.rollcall.ctl("metrics", check=0).stdout)


def settled(site, condition, what):
    """Numbers come behind the events they count by a moment."""
    got = []

    def look():
        got[:] = [page(site)]
        return condition(got[0])

    wait_until(look, what=what, every=0.05)
    return got[0]


def test_numbers_are_what_was_posted(site):
    """Through Postfix: who was refused and why, what was stored, read, sent."""
    posts = 5
    with site.smtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("stuff@lists.example.com").code == 550
        assert c.rcpt("staff-bounces@lists.example.com").code == 550
        assert c.rcpt("bob@example.com").code == 250                   # none of our business: not counted
    for _ in range(posts):
        site.post()
    site.post(to="staff-owner@lists.example.com")
    with site.smtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("staff@lists.example.com").code == 250
        assert c.data(client.message(fields=["Auto-Submitted: auto-replied"])).code == 550
    site.wait_for(posts * 4 + 1)
    site.rollcall.wait_idle()
    p = settled(site, lambda p: p.get("rollcall_posts_total", result="done") == posts + 1, "all posts")
    recipients = "rollcall_milter_recipients_total"
    assert p.get(recipients, role="post", verdict="pass") == posts + 1
    assert p.get(recipients, role="owner", verdict="pass") == 1
    assert p.get(recipients, verdict="reject", reply="550 5.1.1") == 1
    assert p.get(recipients, verdict="reject", reply="550 5.7.1", role="bounces") == 1
    assert sum(v for k, v in p.samples.items() if k[0] == recipients) == posts + 4
    assert p.get("rollcall_milter_recipient_seconds_count") == posts + 4
    assert 0 < p.get("rollcall_milter_recipient_seconds_sum") < 60
    assert p.get("rollcall_milter_messages_total", verdict="pass") == posts + 1
    assert p.get("rollcall_milter_messages_total", verdict="reject", reply="550 5.7.1") == 1
    lookups = {a: p.get("rollcall_milter_lookups_total", answer=a) for a in ("memory", "source", "stale", "nobody")}
    assert sum(lookups.values()) == posts + 4 and lookups["source"] >= 2 and lookups["memory"] >= posts - 1
    assert lookups["stale"] == lookups["nobody"] == 0
    assert p.get("rollcall_milter_waiting", source="corp") == p.get("rollcall_milter_breaker_open", source="corp") == 0
    assert p.get("rollcall_entries_total", role="post", result="stored") == posts
    assert p.get("rollcall_entries_total", role="owner", result="stored") == 1
    # Of each post one to MAIL, RCPT, DATA and the message; RSET is answered like the latter.
    assert p.get("rollcall_lmtp_replies_total", reply="250 2.1.0") == posts + 1
    assert p.get("rollcall_lmtp_replies_total", reply="250 2.1.5") == posts + 1
    assert p.get("rollcall_lmtp_replies_total", reply="250 2.0.0") >= posts + 1
    assert p.get("rollcall_lmtp_replies_total", reply="354") == posts + 1
    assert p.get("rollcall_expansions_total", result="done") == posts + 1
    assert p.get("rollcall_expansion_seconds_count") == posts + 1
    assert p.get("rollcall_expanded_recipients_total") == posts * 4 + 1
    assert p.get("rollcall_batches_total", result="sent") == p.get("rollcall_batch_seconds_count") == posts + 1
    assert p.get("rollcall_recipients_total", result="sent") == posts * 4 + 1
    assert p.get("rollcall_queue_entries", queue="done") == posts + 1
    assert p.get("rollcall_queue_entries", queue="outbound") == 0


def test_what_goes_wrong_is_counted(make_site):
    site = make_site(mta="sink", outbound="retry-first: 1h\nretry-most: 1h")
    said = {"bob@example.com": "450 4.2.1 busy", "carl@example.com": "550 5.1.1 nobody"}
    site.sink.on_rcpt = lambda a, n: said.get(a)
    site.submit()
    p = settled(site, lambda p: p.get("rollcall_posts_total", result="deferred") == 1, "a deferral")
    assert [p.get("rollcall_recipients_total", result=r) for r in ("sent", "deferred", "refused")] == [2, 1, 1]
    assert p.get("rollcall_batches_total", result="sent") == 1
    assert p.get("rollcall_queue_entries", queue="outbound") == 1
    time.sleep(0.5)
    assert 0.5 < page(site).get("rollcall_queue_oldest_seconds", queue="outbound") < 60
    said.clear()
    site.sink.on_dot = lambda t: "close"
    site.rollcall.ctl("retry", "all", check=0)
    settled(site, lambda p: p.get("rollcall_batches_total", result="doubt") == 1, "a batch in doubt")
    site.sink.on_dot = None
    site.rollcall.ctl("retry", "all", check=0)
    # The one that was refused for good is reported, to ann who owns the list.
    p = settled(site, lambda p: p.get("rollcall_bounces_total", result="handed over") == 1, "a report")
    assert p.get("rollcall_posts_total", result="deferred") == 2
    site.slapd.stop()
    with site.lmtp() as c:
        c.mail("ann@example.com")
        assert c.rcpt("edge@lists.example.com") == "451 4.4.3"
    assert page(site).get("rollcall_lmtp_replies_total", reply="451 4.4.3") == 1


def test_waiting_breaker_and_sessions(make_site):
    """What goes up and down: recipients that wait, the breaker, open sessions."""
    site = make_site(mta="sink", milter="deadline: 1s\nbreaker: 2\nprobe: 100ms",
                     source_more="cache: { yes: 1ms, stale: 1h }")
    m = Milter(site.rollcall.milter_socket)
    m.connect()
    m.mail("ann@example.com")
    assert m.rcpt("staff@lists.example.com")[0] == b"c"
    with site.lmtp():
        p = settled(site, lambda p: p.get("rollcall_lmtp_sessions") == 1, "an LMTP session")
        assert p.get("rollcall_milter_sessions") == 1
    site.slapd.hang()
    try:
        asking = threading.Thread(target=lambda: [m.rcpt("staff@lists.example.com") for _ in range(2)])
        asking.start()
        settled(site, lambda p: p.get("rollcall_milter_waiting", source="corp") == 1, "a recipient that waits")
        asking.join()
        p = page(site)
        assert p.get("rollcall_milter_breaker_open", source="corp") == 1
        assert p.get("rollcall_milter_lookups_total", answer="stale") == 2
        assert p.get("rollcall_milter_recipient_seconds_bucket", le="0.25") == 1
        assert m.rcpt("edge@lists.example.com")[0] == b"y"
        assert page(site).get("rollcall_milter_lookups_total", answer="nobody") == 1
    finally:
        site.slapd.go_on()
    # Whoever comes next has it asked again.
    settled(site, lambda p: m.rcpt("staff@lists.example.com") and
            p.get("rollcall_milter_breaker_open", source="corp") == 0, "a closed breaker")
    m.close()
    p = settled(site, lambda p: p.get("rollcall_milter_sessions") == 0, "no session")
    assert p.get("rollcall_lmtp_sessions") == 0


def test_the_processes(lmtp_site):
    """What the kernel says, and what it says in JSON."""
    began = time.time()
    p = page(lmtp_site)
    version = (ROOT / "base/version.h").read_text().split('"')[1]
    assert p.get("rollcall_build_info", daemon="milter", version=version) == 1
    for daemon, process in (("milter", lmtp_site.rollcall.milter), ("expander", lmtp_site.rollcall.expander)):
        assert p.get("rollcall_up", daemon=daemon) == 1
        assert 5 < p.get("rollcall_process_open_fds", daemon=daemon) < p.get("rollcall_process_max_fds", daemon=daemon)
        assert p.get("rollcall_process_threads", daemon=daemon) > 2
        resident = int(re.search(r"VmRSS:\s+(\d+)", open(f"/proc/{process.pid}/status").read()).group(1)) * 1024
        assert 0.5 < p.get("rollcall_process_resident_memory_bytes", daemon=daemon) / resident < 2
        assert abs(p.get("rollcall_process_start_time_seconds", daemon=daemon) - began) < 60
        assert 0 < p.get("rollcall_process_cpu_seconds_total", daemon=daemon) < 60
    families = lmtp_site.rollcall.ctl_json("metrics")["metrics"]
    assert {f["name"] for f in families} == set(p.families)
    (up,) = [f for f in families if f["name"] == "rollcall_up"]
    assert up["type"] == "gauge" and {s["labels"]["daemon"]: s["value"] for s in up["samples"]} \
        == {"milter": "1", "expander": "1"}


def test_without_daemons(lmtp_site):
    """Whoever scrapes learns that they are down, and what waits on disk."""
    lmtp_site.sink.on_mail = lambda a: "451 4.3.0 not now"
    lmtp_site.submit()
    wait_until(lambda: lmtp_site.rollcall.log_lines("inject", state="deferred"), what="a deferral")
    lmtp_site.rollcall.ctl("drain", "--wait", "0s", check=75)
    lmtp_site.rollcall.stop()
    p = page(lmtp_site)
    assert p.get("rollcall_up", daemon="milter") == p.get("rollcall_up", daemon="expander") == 0
    assert p.get("rollcall_queue_entries", queue="outbound") == p.get("rollcall_draining") == 1
    assert "rollcall_posts_total" not in p.families


def test_counting_while_it_is_looked_at(make_site):
    """Everybody counts and somebody looks, all at once; in the end nothing is missing."""
    site = make_site(directory.crowded(40), mta="sink", outbound="batch: 5\nlanes: 4")
    threads, posts = 4, 10

    def post():
        for _ in range(posts):
            site.submit(to="g40@lists.example.com")

    posters = [threading.Thread(target=post) for _ in range(threads)]
    for t in posters:
        t.start()
    while any(t.is_alive() for t in posters):
        page(site)
    for t in posters:
        t.join()
    site.rollcall.wait_idle()
    p = settled(site, lambda p: p.get("rollcall_posts_total", result="done") == threads * posts, "all posts")
    assert p.get("rollcall_recipients_total", result="sent") == threads * posts * 40 == len(site.sink.recipients())
    assert p.get("rollcall_lmtp_connections_total") == threads * posts


def test_every_metric_is_in_the_documentation(lmtp_site):
    """The table says what the rows say, of all that a page holds and of nothing else."""
    text = (ROOT / "docs/operating.md").read_text()
    rows = {name: (type_, words) for name, type_, words
            in re.findall(r"(?m)^\| `(rollcall_\w+)` \| (\w+) \| (.*) \|$", text)}
    assert rows == page(lmtp_site).families
    assert (BUILD / "rollcallctl").exists()
