#!/usr/bin/env python3
"""Writes the character and word tables of package moderation.

    python3 generate.py --unicode /usr/share/unicode --confusables data.json --words dict.txt [--out DIR]

The result depends on the inputs only: same sources, same bytes. What each table is made of:

variants.txt    a common character and the runes that fold to it. From Unihan_Variants and Unihan_OtherMappings (kGB0),
                EquivalentUnifiedIdeograph.txt and the decompositions of UnicodeData.txt, as Debian's package
                unicode-data 15.0 has them (Unicode License).
lookalikes.txt  an ASCII letter and the letters that look like it. From the character names in UnicodeData.txt,
                Scripts.txt, the pairs of Unicode's confusables.txt (UTS 39; Unicode License) as the npm package
                unhomoglyph 1.0.6 holds them in data.json (MIT), and the list LOOKALIKES below (ours).
syllables.txt   a toneless pinyin syllable and the characters first read so. From kMandarin in Unihan_Readings.
halves.txt is written by hand and not touched here.
words.gz        words of one to four characters and the logarithm of their frequency. The figures are those of
                dict.txt in the PyPI package jieba 0.42.1 (MIT), merged after folding to simplified characters; part of
                speech, rare words and words that are not wholly Chinese are left out.
"""
import argparse
import bz2
import gzip
import io
import json
import math
import os
import re
import unicodedata

# Where Unihan gives several simplified forms, or none, and usage is clear. Ours.
PREFERRED = {"徵": "征", "摺": "折", "餘": "余", "瀋": "沈", "鏇": "旋", "鍾": "钟", "線": "线", "願": "愿", "闆": "板",
             "氷": "冰", "鬪": "斗", "鬬": "斗", "甦": "苏", "嚐": "尝", "週": "周", "妳": "你", "祂": "他",
             "牠": "它", "佔": "占", "姦": "奸", "兇": "凶", "砲": "炮", "礮": "炮", "菸": "烟", "煙": "烟", "裡": "里",
             "裏": "里", "喫": "吃", "賸": "剩", "槓": "杠", "覈": "核", "綵": "彩", "瀰": "弥",
             # in GB 2312, but as the traditional form only
             "後": "后", "於": "于", "麽": "么"}

# Letters whose look the names do not tell and UTS 39 leaves out, files under l, or gives to another sign. Ours.
# Both cases of a letter are listed only where both look alike; a rune is looked up before its case is folded.
LOOKALIKES = {
    "a": "АаΑαɑⱭɐӐӑӒӓᎪꓮ", "b": "ВвΒβЬьЪъᏏᏴꓐƄƅɃƀ", "c": "СсϲϹᏟꓚⅭⲤⲥ", "d": "ԀԁᎠꓓԁɖɗ", "e": "ЕеЁёΕεЭэҼҽᎬꓰєЄ℮",
    "f": "ϜϝƑƒꓝẝք", "g": "ɡɢԌԍᏀꓖց", "h": "НнΗһҺᎻհꓧҤҥӇӈ", "i": "ІіΙιıɩɪӀӏᎥꓲⲒⲓӀ", "j": "ЈјᎫյꓙϳͿ",
    "k": "КкΚκᏦꓗҚқҜҝҞҟҠҡ", "l": "ᏞꓡʟԼⳐⳑ", "m": "МмΜᎷꓟϺϻӍӎⲘ", "n": "ΝηՈոռꓠпПИиЙй", "o": "ОоΟοσՕօꓳӦӧⲞⲟ",
    "p": "РрΡρᏢꓑҎҏⲢⲣ", "q": "ԚԛՔզգ", "r": "ГгЯяᎡᏒꓣꭇꭈᴦ", "s": "ЅѕՏᏚᏕꓢꜱ", "t": "ТтΤτᎢꓔҬҭⲦ",
    "u": "ՍսυꓴᑌԱ", "v": "νѴѵᏙꓦѶѷ", "w": "ѠѡԜԝᎳᏔꓪωШшա", "x": "ХхΧχꓫҲҳӼӽⲬⲭ", "y": "УуΥγЎўҮүᎩꓬӮӯʏ", "z": "ΖᏃꓜᴢ",
}
SCRIPTS = {"Latin", "Cyrillic", "Greek", "Armenian", "Cherokee", "Coptic", "Lisu", "Deseret", "Canadian_Aboriginal", "Common"}

WORDS = 38000  # words of two to four characters kept


def lines(path):
    opener = bz2.open if path.endswith(".bz2") else open
    with opener(path, "rt", encoding="utf-8") as f:
        for line in f:
            line = line.split("#", 1)[0] if "Unihan" not in path else line
            line = line.strip()
            if line and not line.startswith("#"):
                yield line


def unihan(folder, name, *fields):
    for line in lines(os.path.join(folder, "Unihan_%s.txt.bz2" % name)):
        code, field, value = line.split("\t")
        if field in fields:
            yield chr(int(code[2:], 16)), field, value


def span(text):
    first, _, last = text.strip().partition("..")
    return range(int(first, 16), int(last or first, 16) + 1)


def ideograph(c):
    return 0x3400 <= ord(c) <= 0x9FFF or 0x20000 <= ord(c) <= 0x323AF or c == "〇"


def variants(folder):
    """rune -> common form, idempotent."""
    common = {c for c, _, _ in unihan(folder, "OtherMappings", "kGB0")} | {"〇"}
    simple, other = {}, {}
    for c, field, value in unihan(folder, "Variants", "kSimplifiedVariant", "kSemanticVariant", "kZVariant",
                                  "kSpecializedSemanticVariant", "kSpoofingVariant"):
        targets = [chr(int(t.split("<")[0][2:], 16)) for t in value.split()]
        if c in common:
            continue
        if field == "kSimplifiedVariant":
            targets = [t for t in targets if t != c]
            known = [t for t in targets if t in common]
            if len(targets) == 1 or len(known) == 1:
                simple[c] = known[0] if len(known) == 1 else targets[0]
        else:
            other.setdefault(c, set()).update(t for t in targets if t in common)
    step = dict(simple)
    for c, t in other.items():
        if len(t) == 1 and simple.get(c) not in common:
            step[c] = t.pop()
    step.update(PREFERRED)
    for line in lines(os.path.join(folder, "EquivalentUnifiedIdeograph.txt")):
        codes, target = line.split(";")
        if int(codes.split("..")[0], 16) >= 0x31C0 and int(codes.split("..")[0], 16) <= 0x31EF:
            continue  # strokes are no characters
        for code in span(codes):
            step[chr(code)] = chr(int(target, 16))
    for code in list(range(0xF900, 0xFB00)) + list(range(0x2F800, 0x2FA20)):
        c = chr(code)
        d = unicodedata.normalize("NFKD", c)
        if len(d) == 1 and d != c and ideograph(d):
            step[c] = d
    out = {}
    for c in sorted(step):
        t, seen = c, {c}
        while t in step and step[t] not in seen:
            t = step[t]
            seen.add(t)
        if t != c and ord(t) < 0x20000:
            out[c] = t
    # A chain through a rare character of the far planes may end there; every target must stand still.
    return {c: t for c, t in out.items() if t not in out}


def lookalikes(folder, confusables):
    """letter -> ASCII lower-case letter."""
    script = {}
    for line in lines(os.path.join(folder, "Scripts.txt")):
        codes, name = line.split(";")
        if name.strip() in SCRIPTS:
            for code in span(codes):
                script[code] = name.strip()
    names = {}
    named = re.compile(r"LATIN (?:SMALL |CAPITAL )?LETTER (?:SMALL CAPITAL |DOTLESS |SCRIPT |INSULAR |BARRED )?([A-Z])(?: WITH [A-Z -]+)?$"
                       r"|MODIFIER LETTER (?:SMALL |CAPITAL )(?:SCRIPT )?([A-Z])(?: WITH [A-Z -]+)?$"
                       r"|CYRILLIC MODIFIER LETTER SMALL ([AE])$")
    for line in open(os.path.join(folder, "UnicodeData.txt"), encoding="ascii"):
        code, name, category = line.split(";")[:3]
        if category[0] == "L" and int(code, 16) > 0x7F:
            m = named.match(name)
            if m:
                names[chr(int(code, 16))] = next(g for g in m.groups() if g).lower()
    out = {}
    for c, t in json.load(open(confusables, encoding="utf-8")).items():
        if len(c) != 1 or len(t) != 1 or ord(c) < 0x80 or not t.isascii() or not t.isalpha() or ord(c) not in script:
            continue
        if t == "l" and script[ord(c)] != "Latin":
            continue  # l stands there for I, 1 and | as well
        if unicodedata.category(c)[0] == "L":
            out[c] = t.lower()
    out.update(names)
    for t, letters in LOOKALIKES.items():
        for c in letters:
            out[c] = t
    for c in list(out):  # folding gives these already; the click letters ǀǁǂǃ are signs in all but name
        plain = [d for d in unicodedata.normalize("NFKD", c) if not unicodedata.combining(d)]
        if len(plain) == 1 and plain[0].isascii() or unicodedata.category(c)[0] != "L" or 0x1C0 <= ord(c) <= 0x1C3:
            del out[c]
    return out


def syllables(folder):
    """character -> toneless syllable."""
    out = {"〇": "ling"}  # Unihan gives it no reading
    for c, _, value in unihan(folder, "Readings", "kMandarin"):
        if 0x4E00 <= ord(c) <= 0x9FFF:
            plain = unicodedata.normalize("NFD", value.split()[0])
            plain = plain.replace("u\u0308", "v")
            plain = "".join(d for d in plain if not unicodedata.combining(d))
            plain = plain.replace("lue", "lve").replace("nue", "nve")
            if plain.isascii() and plain.isalpha():
                out[c] = plain
    return out


def words(path, variant):
    """word -> quantised logarithm of its frequency: round(16 ln f), at least 1."""
    total = {}
    for line in open(path, encoding="utf-8"):
        word, freq = line.split(" ")[:2]
        word = "".join(variant.get(c, c) for c in word)
        if len(word) <= 4 and all(0x4E00 <= ord(c) <= 0x9FFF or c == "〇" for c in word):
            total[word] = total.get(word, 0) + int(freq)
    kept = sorted((w for w in total if len(w) > 1), key=lambda w: (-total[w], w))[:WORDS]
    kept += [w for w in total if len(w) == 1 and total[w] > 1]
    return {w: max(1, min(255, round(16 * math.log(total[w])))) for w in kept if total[w] > 0}, sum(total.values())


def grouped(table):
    groups = {}
    for c in sorted(table):
        groups.setdefault(table[c], []).append(c)
    return sorted((k, "".join(v)) for k, v in groups.items())


def main():
    here = os.path.dirname(os.path.abspath(__file__))
    args = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    args.add_argument("--unicode", default="/usr/share/unicode", help="folder of Debian's unicode-data")
    args.add_argument("--confusables", required=True, help="data.json of the npm package unhomoglyph")
    args.add_argument("--words", required=True, help="dict.txt of the PyPI package jieba")
    args.add_argument("--out", default=here)
    args = args.parse_args()

    def write(name, table):
        with open(os.path.join(args.out, name), "w", encoding="utf-8", newline="\n") as f:
            f.write("# Written by generate.py, which names the sources.\n")
            for key, chars in grouped(table):
                f.write(key + " " + chars + "\n")
        print(name, len(table))

    variant = variants(args.unicode)
    write("variants.txt", variant)
    write("lookalikes.txt", lookalikes(args.unicode, args.confusables))
    write("syllables.txt", syllables(args.unicode))
    table, total = words(args.words, variant)
    # Sorted; each line is the number of leading characters shared with the line before, the rest, and two hex digits.
    text, last = io.StringIO(), ""
    for w in sorted(table):
        n = len(os.path.commonprefix([w, last]))
        text.write("%d%s%02x\n" % (n, w[n:], table[w]))
        last = w
    with open(os.path.join(args.out, "words.gz"), "wb") as f:
        with gzip.GzipFile(filename="", mode="wb", compresslevel=9, fileobj=f, mtime=0) as z:
            z.write(text.getvalue().encode())
    print("words.gz", len(table), "16 ln of all:", round(16 * math.log(total)))


if __name__ == "__main__":
    main()
