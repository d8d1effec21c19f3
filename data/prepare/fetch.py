#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Downloads the files of a Hugging Face data set that lie below a folder, and turns .parquet into .jsonl.gz.

usage: fetch.py DATASET FOLDER DEST [--field text] [--limit N]     e.g. fetch.py HuggingFaceFW/fineweb sample/10BT data/raw/fineweb
DEST keeps the paths; files that are there already are passed over, so the same command goes on after a break. HF_ENDPOINT names a
mirror, HF_TOKEN a token for data sets that ask for one. .parquet needs the Python package pyarrow.
"""
import argparse
import gzip
import json
import os
import pathlib
import sys
import urllib.error
import urllib.request

ENDPOINT = os.environ.get("HF_ENDPOINT", "https://huggingface.co")
CHUNK = 1 << 20


def die(message):
    sys.exit(f"fetch.py: {message}")


def open_url(url):
    token = os.environ.get("HF_TOKEN")
    return urllib.request.urlopen(urllib.request.Request(url, headers={"Authorization": f"Bearer {token}"} if token else {}),
                                  timeout=60)


def list_files(dataset, folder):
    """(path, bytes) of every file below the folder, sorted by path."""
    url = f"{ENDPOINT}/api/datasets/{dataset}/tree/main/{folder}?recursive=true"
    files = []
    while url:
        with open_url(url) as answer:
            files += [(entry["path"], entry["size"]) for entry in json.load(answer) if entry["type"] == "file"]
            link = answer.headers.get("Link") or ""
        url = link[link.index("<") + 1:link.index(">")] if 'rel="next"' in link else None
    return sorted(file for file in files if file[0].endswith((".parquet", ".jsonl", ".jsonl.gz", ".jsonl.zst")))


def download(dataset, path, n_bytes, target):
    part = target.with_name(target.name + ".part")
    with open_url(f"{ENDPOINT}/datasets/{dataset}/resolve/main/{path}") as answer, open(part, "wb") as file:
        while chunk := answer.read(CHUNK):
            file.write(chunk)
    if part.stat().st_size != n_bytes:
        die(f"{path}: has {part.stat().st_size} bytes of {n_bytes} (the transfer broke off); run the command again")
    part.rename(target)


def unpack_parquet(source, target, field):
    try:
        import pyarrow.parquet
    except ImportError:
        die("reading .parquet needs the Python package pyarrow; pip install pyarrow")
    part = target.with_name(target.name + ".part")
    with gzip.open(part, "wt", compresslevel=1, encoding="utf-8") as file:
        for batch in pyarrow.parquet.ParquetFile(source).iter_batches(columns=[field]):
            for text in batch.column(0).to_pylist():
                file.write(json.dumps({field: text}, ensure_ascii=False) + "\n")
    part.rename(target)
    source.unlink()


def fetch(dataset, path, n_bytes, dest, field):
    target = dest / path
    packed = target.with_name(target.name.removesuffix(".parquet") + ".jsonl.gz")
    final = packed if path.endswith(".parquet") else target
    if final.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if not (target.exists() and target.stat().st_size == n_bytes):
        download(dataset, path, n_bytes, target)
    if final != target:
        unpack_parquet(target, packed, field)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset")
    parser.add_argument("folder")
    parser.add_argument("dest", type=pathlib.Path)
    parser.add_argument("--field", default="text")
    parser.add_argument("--limit", type=int, help="only the first N files")
    options = parser.parse_args()
    try:
        files = list_files(options.dataset, options.folder)[:options.limit]
        if not files:
            die(f"{options.dataset}: has no data files below {options.folder}; look at {ENDPOINT}/datasets/{options.dataset}")
        for number, (path, n_bytes) in enumerate(files, 1):
            print(f"{number}/{len(files)} {path} ({n_bytes / 1e9:.2f} GB)", file=sys.stderr)
            fetch(options.dataset, path, n_bytes, options.dest, options.field)
    except urllib.error.HTTPError as error:
        die(f"{error.url}: {error.code} {error.reason}; look at {ENDPOINT}/datasets/{options.dataset} (set HF_TOKEN if it asks for one)")
    except (urllib.error.URLError, TimeoutError) as error:
        die(f"{ENDPOINT} cannot be reached ({getattr(error, 'reason', error)}); where there is a network, fetch the files below "
            f"{options.folder} of {ENDPOINT}/datasets/{options.dataset} and put them below {options.dest}/{options.folder}")
    except OSError as error:
        die(f"{error.filename or options.dest}: {error.strerror}; free some space or name another folder")


main()
