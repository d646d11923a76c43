#!/usr/bin/env python3
"""Encodes texts the ways people hide them from filters, for bench/judgement. It knows nothing of hegui: every encoding comes from
Python's own library or is written here from its definition.

Reads lines of {"id": ..., "text": ...} and writes, for each encoding, {"id": ..., "kind": ..., "text": ...}. Needs nothing but
python3.
"""
import base64
import codecs
import email.header
import html
import json
import quopri
import sys
import urllib.parse


def units(text):
    """UTF-16 code units."""
    raw = text.encode("utf-16-be")
    return [raw[i] << 8 | raw[i + 1] for i in range(0, len(raw), 2)]


def octets(text):
    return text.encode("utf-8")


def lines(text, n):
    return "\n".join(text[i:i + n] for i in range(0, len(text), n))


def b64(text):
    return base64.b64encode(octets(text)).decode()


def punycode(text):
    return "xn--" + text.encode("punycode").decode()


KINDS = {
    "control": lambda t: t,
    "base64": b64,
    "base64 url, no padding": lambda t: base64.urlsafe_b64encode(octets(t)).decode().rstrip("="),
    "base64 in lines": lambda t: lines(b64(t), 24),
    "base64 twice": lambda t: b64(b64(t)),
    "base32": lambda t: base64.b32encode(octets(t)).decode(),
    "hex": lambda t: octets(t).hex(),
    "hex in groups": lambda t: octets(t).hex(" "),
    "hex with 0x": lambda t: " ".join("0x%02x" % o for o in octets(t)),
    "binary": lambda t: " ".join("{:08b}".format(o) for o in octets(t)),
    "decimal bytes": lambda t: ",".join(str(o) for o in octets(t)),
    "percent": lambda t: urllib.parse.quote(t, safe=""),
    "percent twice": lambda t: urllib.parse.quote(urllib.parse.quote(t, safe=""), safe=""),
    "entities": lambda t: "".join("&#%d;" % ord(c) for c in t),
    "entities, hex": lambda t: "".join("&#x%X;" % ord(c) for c in t),
    "JSON": lambda t: "".join("\\u%04x" % u for u in units(t)),
    "braces": lambda t: "".join("\\u{%x}" % ord(c) for c in t),
    "U+": lambda t: " ".join("U+%04X" % ord(c) for c in t),
    "bytes": lambda t: "".join("\\x%02x" % o for o in octets(t)),
    "octal": lambda t: "".join("\\%03o" % o for o in octets(t)),
    "quoted-printable": lambda t: quopri.encodestring(octets(t), quotetabs=True).decode(),
    "MIME word": lambda t: email.header.Header(t, "utf-8", maxlinelen=10**6).encode(),
    "UTF-7": lambda t: t.encode("utf-7").decode(),
    "punycode": punycode,
    "CSS": lambda t: "".join("\\%06x" % ord(c) for c in t),
    "turned round (U+202E)": lambda t: "\u202e" + t[::-1] + "\u202c",
    "hex of base64": lambda t: b64(t).encode().hex(),
    "base64 of entities": lambda t: b64("".join("&#%d;" % ord(c) for c in t)),
    "ROT13": lambda t: codecs.encode(t, "rot13"),
    "every other character as an entity": lambda t: "".join("&#%d;" % ord(c) if i % 2 else html.escape(c) for i, c in enumerate(t)),
}


def main():
    for line in sys.stdin:
        item = json.loads(line)
        for kind, encode in KINDS.items():
            text = encode(item["text"])
            if kind == "control" or text != item["text"]:
                json.dump({"id": item["id"], "kind": kind, "text": text}, sys.stdout, ensure_ascii=False)
                sys.stdout.write("\n")


if __name__ == "__main__":
    main()
