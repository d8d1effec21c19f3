#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Tokens a second of tokenize --tokenizer gpt2:... with 1 and 2 jobs, and of tiktoken with 1 and 2 threads, on the same text.

usage: tests/support/python.sh tests/benchmark/tokenizer_benchmark.py build/bin/tokenize TEXT.gz [MERGES]
The vocabulary is trained on the first 200 kB of the text with MERGES merges (default 1000). Times are from file to ids in memory for
tiktoken and from file to shards on disk for tokenize; each is the best of three.
"""
import gzip
import pathlib
import subprocess
import sys
import tempfile
import time

import tiktoken

sys.path.append(str(pathlib.Path(__file__).resolve().parents[1] / "tokenize"))
import bpe_trainer  # noqa: E402

PATTERN = r"""'(?:[sdmt]|ll|ve|re)| ?\p{L}++| ?\p{N}++| ?[^\s\p{L}\p{N}]++|\s++$|\s+(?!\S)|\s"""


def best_of_three(run):
    times = []
    for _ in range(3):
        start = time.perf_counter()
        n_tokens = run()
        times.append(time.perf_counter() - start)
    return n_tokens, min(times)


def main():
    program, text_file = sys.argv[1:3]
    n_merges = int(sys.argv[3]) if len(sys.argv) > 3 else 1000
    text = gzip.open(text_file).read().decode("utf-8", "replace")
    tokens, _ = bpe_trainer.train(text[:200_000], n_merges)
    encoding = tiktoken.Encoding("trained", pat_str=PATTERN, special_tokens={},
                                 mergeable_ranks={token: rank for rank, token in enumerate(tokens)})
    documents = [text[i:i + 100_000] for i in range(0, len(text), 100_000)]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        bpe_trainer.write_tiktoken(folder / "trained.tiktoken", tokens)
        (folder / "text.txt").write_text(text)

        def with_tokenize(jobs):
            subprocess.run([program, folder / "text.txt", "--tokenizer", f"gpt2:{folder}/trained.tiktoken", "--out", folder / "out",
                            "--overwrite", "--val-fraction", "0", "--jobs", str(jobs)], check=True, stdout=subprocess.DEVNULL)
            return (folder / "out/train_000000.bin").stat().st_size // 2 - 512

        for jobs in (1, 2):
            n_tokens, seconds = best_of_three(lambda: with_tokenize(jobs))
            print(f"tokenize, {jobs} job(s): {n_tokens / seconds / 1e6:.2f} M tokens/s, {len(text.encode()) / seconds / 1e6:.1f} MB/s")
        for threads in (1, 2):
            n_tokens, seconds = best_of_three(
                lambda: sum(map(len, encoding.encode_ordinary_batch(documents, num_threads=threads))))
            print(f"tiktoken {tiktoken.__version__}, {threads} thread(s): {n_tokens / seconds / 1e6:.2f} M tokens/s, "
                  f"{len(text.encode()) / seconds / 1e6:.1f} MB/s")


main()
