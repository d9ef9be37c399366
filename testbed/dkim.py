"""
DKIM (RFC 6376, rsa-sha256, relaxed/relaxed) by the openssl program, apart from the library that rollcall uses: signs what
tests post, and verifies what members get.
"""
import base64
import hashlib
import re
import subprocess


class Key:
    """A key pair, made unless it is there, and the TXT record that publishes it."""

    def __init__(self, path, domain, selector="s1"):
        self.path, self.domain, self.selector = path, domain, selector
        if not path.exists():
            subprocess.run(["openssl", "genrsa", "-traditional", "-out", path, "1024"], check=True, capture_output=True)
        der = subprocess.run(["openssl", "rsa", "-in", path, "-pubout", "-outform", "DER"], check=True, capture_output=True)
        self.record = "v=DKIM1; k=rsa; p=" + base64.b64encode(der.stdout).decode()
        self.name = f"{selector}._domainkey.{domain}"


def split(message):
    header, _, body = message.partition(b"\r\n\r\n")
    return re.split(rb"\r\n(?![ \t])", header), body


def relaxed_field(field):
    name, _, value = field.partition(b":")
    return name.strip().lower() + b":" + re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b"")).strip()


def relaxed_body(body):
    lines = [re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    return b"".join(line + b"\r\n" for line in lines)


def signed_data(fields, names, own):
    """The fields that are named, from the bottom, and the signature's own field without its b=."""
    left, out = list(fields), b""
    for name in names:
        for i in range(len(left) - 1, -1, -1):
            if left[i].partition(b":")[0].strip().lower() == name.lower().encode():
                out += relaxed_field(left.pop(i)) + b"\r\n"
                break
    return out + re.sub(rb"(;\s*b=)[^;]*", rb"\1", relaxed_field(own))


def sign(message, key, names=("From", "To", "Subject", "Date", "Message-ID"), more=""):
    """The message with a signature on top."""
    if isinstance(message, str):
        message = message.encode()
    fields, body = split(message)
    digest = base64.b64encode(hashlib.sha256(relaxed_body(body)).digest()).decode()
    own = (f"DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d={key.domain}; s={key.selector};{more}\r\n"
           f" h={':'.join(names)}; bh={digest}; b=").encode()
    done = subprocess.run(["openssl", "dgst", "-sha256", "-sign", key.path], check=True, capture_output=True,
                          input=signed_data(fields, names, own))
    return own + base64.b64encode(done.stdout) + b"\r\n" + message


def verify(message, key, name="DKIM-Signature"):
    """For each signature of the key's domain, the uppermost first, whether it holds; also for ARC-Message-Signature."""
    fields, body = split(message)
    out = []
    for i, own in enumerate(fields):
        if not own.lower().startswith(name.lower().encode() + b":"):
            continue
        text = re.sub(r"\s+", "", relaxed_field(own).partition(b":")[2].decode())
        tags = dict(tag.split("=", 1) for tag in text.split(";") if tag)
        if tags["d"] != key.domain:
            continue
        assert tags["c"] == "relaxed/relaxed" and tags["a"] == "rsa-sha256"
        whole = tags["bh"] == base64.b64encode(hashlib.sha256(relaxed_body(body)).digest()).decode()
        signature = key.path.with_suffix(".signature")
        signature.write_bytes(base64.b64decode(tags["b"]))
        others = fields[:i] + fields[i + 1:]
        done = subprocess.run(["openssl", "dgst", "-sha256", "-prverify", key.path, "-signature", signature],
                              capture_output=True, input=signed_data(others, tags["h"].split(":"), own))
        out.append(whole and done.returncode == 0)
    return out
