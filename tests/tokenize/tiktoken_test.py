#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Compares tokenize --tokenizer gpt2:... with tiktoken, id for id, on a vocabulary trained here.

usage: tiktoken_test.py PATH_OF_TOKENIZE     (with the Python that scripts/setup.sh provides: tests/requirements.txt)
"""
import json
import pathlib
import random
import struct
import subprocess
import sys
import tempfile
import unicodedata

import tiktoken

import bpe_trainer

SEED = 7
# tiktoken_ext/openai_public.py, r50k_base
TIKTOKEN_PATTERN = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"""
SPACES = " \t\n\r\x0b\x0c\x1c\x85\xa0\u1680\u2003\u2028\u202f\u3000\u200b\ufeff"


def any_char(rng):
    while True:
        point = rng.randrange(0x110000)
        if not 0xD800 <= point < 0xE000:
            return chr(point)


def marks():
    return [chr(point) for point in range(0x300, 0x370)] + ["\u0903", "\u200d", "\ufe0f", "\U0001f3fd"]


def random_texts(rng):
    """Documents of every kind that the pattern tells apart, mixed at random."""
    words = "the of and don't we're I'll you've it's 'S 'LL it''s ’s naïve Ünïcödé 東京 ２３ Ⅻ ½ ٣٤ हिन्दी".split()
    emoji = "😀 👩‍👩‍👧 🏳️‍🌈 👍🏽 🇩🇪 ☃".split()
    makers = [
        lambda: rng.choice(words),
        lambda: " " * rng.choice([1, 1, 1, 2, 3, 7, 50]),
        lambda: "".join(rng.choice(SPACES) for _ in range(rng.randrange(1, 6))),
        lambda: "\n" * rng.randrange(1, 5),
        lambda: "\r\n",
        lambda: "".join(rng.choice("0123456789٣Ⅷ²") for _ in range(rng.randrange(1, 40))),
        lambda: "'" * rng.randrange(1, 4) + rng.choice(["", "s", "t", "re", "ve", "m", "ll", "d", "r", "l", "x"]),
        lambda: rng.choice(emoji),
        lambda: rng.choice("aéeعk") + "".join(rng.choice(marks()) for _ in range(rng.randrange(1, 4))),
        lambda: "".join(any_char(rng) for _ in range(rng.randrange(1, 8))),
        lambda: "".join(chr(rng.randrange(32, 127)) for _ in range(rng.randrange(1, 12))),
        lambda: rng.choice("ab !0") * rng.choice([20, 130, 600]),
        lambda: "<|endoftext|>",
    ]
    return ["".join(rng.choice(makers)() for _ in range(rng.randrange(1, 60))) for _ in range(3000)]


def all_planes():
    """Code points beside letters, digits and white space, so that their classes show: every one of planes 0 to 3 and 14, and every
    97th of the others, which hold no characters."""
    points = [chr(point) for point in range(0x110000)
              if not 0xD800 <= point < 0xE000 and (point >> 16 in (0, 1, 2, 3, 14) or point % 97 == 0)]
    return ["".join(f"a{char} {char}1" for char in points[i:i + 4096]) for i in range(0, len(points), 4096)]


def invalid_utf8(rng):
    """Bytes as they come, and valid text that was cut and damaged."""
    texts = [bytes(rng.randrange(256) for _ in range(rng.randrange(1, 200))) for _ in range(300)]
    for text in random_texts(rng)[:300]:
        damaged = bytearray(text.encode())
        for _ in range(rng.randrange(1, 6)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        texts.append(bytes(damaged[:rng.randrange(1, len(damaged) + 1)]))
    texts += [b"\xed\xa0\x80 \xc0\xaf \xf4\x90\x80\x80 \xe2\x82 \xf0\x9f\x98", b"\xff", b"\x80\x80\xe3\x80\x80\x80 x"]
    return texts


def read_ids(folder):
    """All ids of the training split."""
    ids = []
    for shard in sorted(folder.glob("train_*.bin")):
        data = shard.read_bytes()
        magic, _, n_tokens = struct.unpack_from("<iii", data)
        ids += struct.unpack_from(f"<{n_tokens}{'H' if magic == 20240520 else 'I'}", data, 1024)
    return ids


def tokenize(program, out, files, tokenizer, *options):
    subprocess.run([program, *files, "--tokenizer", tokenizer, "--out", out, "--val-fraction", "0", "--overwrite",
                    *options], check=True, stdout=subprocess.DEVNULL)
    return read_ids(out)


def check(name, found, documents, encoding, eot):
    expected = [id for text in documents for id in encoding.encode_ordinary(text) + [eot]]
    if found == expected:
        print(f"{name}: {len(expected)} ids are equal")
        return
    at = next((i for i, (a, b) in enumerate(zip(found, expected)) if a != b), min(len(found), len(expected)))
    sys.exit(f"{name}: id {at} differs: {found[at - 3:at + 5]} instead of {expected[at - 3:at + 5]} "
             f"({encoding.decode(expected[max(at - 8, 0):at + 5])!r})")


def main():
    program = sys.argv[1]
    rng = random.Random(SEED)
    training_text = "\n".join(random_texts(rng)[:400]) + " the quick brown fox and the lazy dog's own house\n" * 50
    tokens, merges = bpe_trainer.train(training_text, 700)
    eot = len(tokens)
    encoding = tiktoken.Encoding("trained", pat_str=TIKTOKEN_PATTERN, special_tokens={"<|endoftext|>": eot},
                                 mergeable_ranks={token: rank for rank, token in enumerate(tokens)})
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        bpe_trainer.write_tiktoken(folder / "trained.tiktoken", tokens)
        bpe_trainer.write_vocab_and_merges(folder / "vocab", tokens, merges)
        formats = [f"gpt2:{folder}/trained.tiktoken", f"gpt2:{folder}/vocab"]

        texts = random_texts(rng)
        for kind, tokenizer, jobs, texts in (("random texts, .tiktoken", formats[0], "1", texts),
                                             ("random texts, vocab.json", formats[1], "3", texts),
                                             ("all planes", formats[0], "2", all_planes())):
            lines = folder / "texts.jsonl"
            lines.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts))
            found = tokenize(program, folder / "out", [lines], tokenizer, "--jobs", jobs, "--shard-tokens", "99991")
            check(f"{kind}, {jobs} job(s)", found, texts, encoding, eot)

        files = folder / "files"
        files.mkdir()
        raw = invalid_utf8(rng)
        for i, text in enumerate(raw):
            (files / f"{i:06}.txt").write_bytes(text)
        found = tokenize(program, folder / "out", [files], formats[0])
        check("invalid UTF-8", found, [text.decode("utf-8", "replace") for text in raw], encoding, eot)

        long = "".join(random_texts(rng)[:2000]) * 3  # one document, cut into batches where it may be
        (folder / "long.txt").write_bytes(long.encode())
        found = tokenize(program, folder / "out", [folder / "long.txt"], formats[0], "--jobs", "2")
        check("one long document", found, [long], encoding, eot)
    print(f"Unicode {unicodedata.unidata_version} in this Python, tiktoken {tiktoken.__version__}")


main()
