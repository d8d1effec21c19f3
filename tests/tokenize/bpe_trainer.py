# SPDX-License-Identifier: MIT
"""Trains a byte-level BPE vocabulary with GPT-2's way of cutting words and writes it in both published formats."""
import base64
import collections
import json

import regex

# openai/gpt-2, src/encoder.py
PATTERN = regex.compile(r"""'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+""")


def byte_alphabet():
    """The printable character that stands for each byte, as bytes_to_unicode of openai/gpt-2."""
    kept = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    others = [byte for byte in range(256) if byte not in kept]
    return {byte: chr(byte) for byte in kept} | {byte: chr(256 + i) for i, byte in enumerate(others)}


def train(text, n_merges):
    """(tokens in the order of their ids, merges as pairs of tokens). Ids of single bytes are in GPT-2's order."""
    tokens = [bytes([byte]) for byte in sorted(range(256), key=lambda byte: ord(byte_alphabet()[byte]))]
    merges = []
    words = collections.Counter(tuple(bytes([byte]) for byte in word.encode()) for word in PATTERN.findall(text))
    for _ in range(n_merges):
        pairs = collections.Counter()
        for word, count in words.items():
            for pair in zip(word, word[1:]):
                pairs[pair] += count
        # A pair that makes an existing token again would leave one of the formats without an id for it.
        known = set(tokens)
        best = max((pair for pair in pairs if pair[0] + pair[1] not in known), key=lambda pair: (pairs[pair], pair))
        merges.append(best)
        tokens.append(best[0] + best[1])
        words = collections.Counter({merged(word, best): count for word, count in words.items()})
    return tokens, merges


def merged(word, pair):
    result = []
    for part in word:
        if result and (result[-1], part) == pair:
            result[-1] = pair[0] + pair[1]
            # What was just made takes no part in a second merge: "a a a" gives "aa a".
            result.append(None)
            continue
        result.append(part)
    return tuple(part for part in result if part is not None)


def write_tiktoken(path, tokens):
    with open(path, "wb") as file:
        for rank, token in enumerate(tokens):
            file.write(base64.b64encode(token) + f" {rank}\n".encode())


def write_vocab_and_merges(folder, tokens, merges):
    alphabet = byte_alphabet()

    def printable(token):
        return "".join(alphabet[byte] for byte in token)

    vocab = {printable(token): rank for rank, token in enumerate(tokens)}
    vocab["<|endoftext|>"] = len(tokens)
    folder.mkdir(exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocab))
    lines = [f"{printable(left)} {printable(right)}\n" for left, right in merges]
    (folder / "merges.txt").write_text("#version: 0.2\n" + "".join(lines), encoding="utf-8")
