"""The encoding of LDAP's messages (X.690), as far as directories and those who stand before them need it."""


def element(data, at=0):
    """(tag, where its content begins, where it ends) of the element there; None while it is not whole."""
    if len(data) < at + 2:
        return None
    length, begin = data[at + 1], at + 2
    if length & 0x80:
        begin += length & 0x7f
        if len(data) < begin:
            return None
        length = int.from_bytes(data[at + 2:begin])
    return (data[at], begin, begin + length) if len(data) >= begin + length else None


def elements(data):
    """The (tag, content) within a content."""
    at = 0
    while at < len(data):
        tag, begin, at = element(data, at)
        yield tag, data[begin:at]


def tlv(tag, *parts):
    content = b"".join(p.encode() if isinstance(p, str) else p for p in parts)
    n = len(content)
    length = bytes([n]) if n < 128 else bytes([0x80 | (n.bit_length() + 7) // 8]) + n.to_bytes((n.bit_length() + 7) // 8)
    return bytes([tag]) + length + content


def integer(n, tag=0x02):
    return tlv(tag, n.to_bytes(n.bit_length() // 8 + 1, signed=True))


def octets(text):
    return tlv(0x04, text)


def number(content):
    return int.from_bytes(content, signed=True)
