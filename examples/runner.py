#!/usr/bin/env python3
"""
A runner: works the queue outbound of a spool beside rollcall-expander, by nothing but what docs/spool.md says.

    runner.py SPOOL HOST PORT DOMAIN        DOMAIN is that of receipts, as mail.example.com.rollcall.invalid

It does what is easy, and leaves the rest to the expander: what is in doubt, waits for a later time, or is to be reported.
"""
import fcntl
import json
import os
import re
import secrets
import smtplib
import sys
import time

BATCH = 500
SPOOL, HOST, PORT, DOMAIN = sys.argv[1:5]


class Leave(Exception):
    """Nothing for us."""


def claim(name):
    """The entry's directory and its lock, which ends with this process."""
    if os.path.exists(f"{SPOOL}/held/{name}"):
        raise Leave
    path = f"{SPOOL}/outbound/{name}"
    lock = open(f"{path}/envelope.json", "rb")
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    if os.fstat(lock.fileno()).st_ino != os.stat(f"{path}/envelope.json").st_ino:
        raise Leave                       # it moved on meanwhile
    return path, lock


def read_recipients(path):
    first, *lines, last = open(f"{path}/recipients", encoding="utf-8").read().splitlines() or [""] * 2
    if first != "recipients 1" or last != f"end {len(lines)}":
        raise Leave
    return [line.split("\t")[-1] for line in lines]


def read_progress(path, count):
    """Which lines are waiting, and the highest number of a batch."""
    text = open(f"{path}/progress", "rb").read()
    records = [json.loads(line) for line in text.splitlines()]          # a torn line is not ours to cut off
    if records and records[0] != {"version": 1}:
        raise Leave
    waiting, batches = set(range(count)), {}
    for r in records[1:]:
        if "begin" in r:
            continue                      # of work by an expander, that may have ended at it
        if "defer" in r or "line" in r or "recalled" in r or r.get("code", 250) // 100 != 2:
            raise Leave
        if "code" not in r:
            batches[r["batch"]] = r.get("lines") or range(r["first"], r["first"] + r["count"])
        else:
            waiting -= set(batches[r["batch"]])
            batches[r["batch"]] = ()
    if any(batches.values()):
        raise Leave                       # in doubt
    return sorted(waiting), max(batches, default=0)


def rewrite(envelope, message):
    header, end, body = message.partition(b"\r\n\r\n")
    fields = re.findall(rb"[^\r\n][^\n]*(?:\n[ \t][^\n]*)*", header)
    removed = [name.lower().encode() for name in envelope["inject"]["remove"]]
    kept = [f.rstrip(b"\r") for f in fields if f.partition(b":")[0].strip().lower() not in removed]
    return envelope["inject"]["add"].encode() + b"\r\n".join(kept) + end + body


def note(progress, record):
    """A record that lasts."""
    os.write(progress, json.dumps(record, separators=(",", ":")).encode() + b"\n")
    os.fdatasync(progress)


def send(smtp, progress, envelope, name, number, lines, addresses, message):
    """One batch. Whatever is not 250 is left as it is: without a result, in doubt."""
    token = "".join(secrets.choice("abcdefghijklmnopqrstuvwxyz234567") for _ in range(16))
    now = int(time.time() * 1000)
    note(progress, {"batch": number, "at": now, "lines": lines, "receipt": token})
    smtp.mail(envelope["inject"]["sender"], [f"ENVID={name}.{number}"])
    smtp.rcpt(f"receipt+{name}.{number}.{token}@{DOMAIN}", ["NOTIFY=NEVER"])
    if any(smtp.rcpt(addresses[i])[0] != 250 for i in lines) or smtp.data(message)[0] != 250:
        raise Leave
    note(progress, {"batch": number, "at": now, "code": 250})


def work(name):
    path, lock = claim(name)
    with lock, smtplib.SMTP(HOST, int(PORT)) as smtp:
        envelope, addresses = json.load(lock), read_recipients(path)
        waiting, number = read_progress(path, len(addresses))
        if envelope["version"] != 1 or envelope["utf8"] or not all(map(str.isascii, addresses)):
            raise Leave
        message = open(f"{path}/message.eml", "rb").read()
        if len(message) != envelope.get("size", len(message)):
            raise Leave
        message = rewrite(envelope, message)
        progress = os.open(f"{path}/progress", os.O_WRONLY | os.O_APPEND)
        try:
            if os.fstat(progress).st_size == 0:
                note(progress, {"version": 1})
            smtp.ehlo()
            for k in range(0, len(waiting), BATCH):
                if os.path.exists(f"{SPOOL}/held/{name}"):
                    raise Leave           # an operator has thought better of it
                number += 1
                send(smtp, progress, envelope, name, number, waiting[k:k + BATCH], addresses, message)
        finally:
            os.close(progress)
        os.rename(path, f"{SPOOL}/done/{name}")
        done = os.open(f"{SPOOL}/done", os.O_RDONLY)
        os.fsync(done)
        os.close(done)
        os.unlink(f"{SPOOL}/done/{name}/message.eml")


while True:
    for entry in os.listdir(f"{SPOOL}/outbound"):
        try:
            work(entry)
        except (Leave, OSError, ValueError, smtplib.SMTPException):
            continue                      # another has it, or it is for the expander
    time.sleep(0.05)
