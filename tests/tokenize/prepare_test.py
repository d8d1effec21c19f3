#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs the scripts of data/prepare against a server on this machine that stands for huggingface.co, and without any.

usage: prepare_test.py PATH_OF_TOKENIZE     (with the Python that scripts/setup.sh provides: tests/requirements.txt)
"""
import gzip
import http.server
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import threading

import pyarrow
import pyarrow.parquet

ROOT = pathlib.Path(__file__).resolve().parents[2]


def parquet(texts):
    file = io.BytesIO()
    pyarrow.parquet.write_table(pyarrow.table({"text": texts, "url": [""] * len(texts)}), file)
    return file.getvalue()


def lines(texts):
    return gzip.compress("".join(json.dumps({"text": text}) + "\n" for text in texts).encode())


TEXTS = [f"web document {i} with é" for i in range(200)]
FILES = {
    "HuggingFaceFW/fineweb": {"sample/10BT/000_00000.parquet": parquet(TEXTS[:100]),
                              "sample/10BT/001_00000.parquet": parquet(TEXTS[100:]), "sample/10BT/readme.md": b""},
    "cerebras/SlimPajama-627B": {"train/chunk1/a.jsonl.gz": lines(TEXTS), "validation/chunk1/a.jsonl.gz": lines(["held out"])},
}
requests = []


class Hub(http.server.BaseHTTPRequestHandler):
    """The listing in pages of one file, and the files."""

    def do_GET(self):
        requests.append(self.path)
        path, _, query = self.path.partition("?")
        parts = path.strip("/").split("/")
        if parts[0] == "api":
            return self.listing(FILES["/".join(parts[2:4])], "/".join(parts[6:]), path, query)
        return self.reply(FILES["/".join(parts[1:3])]["/".join(parts[5:])])

    def listing(self, files, folder, path, query):
        names = sorted(name for name in files if name.startswith(folder + "/"))
        page = int(query.partition("page=")[2] or 0)
        entries = [{"type": "directory", "path": folder, "size": 0}]
        entries += [{"type": "file", "path": name, "size": len(files[name])} for name in names[page:page + 1]]
        more = {"Link": f'<http://{self.headers["Host"]}{path}?page={page + 1}>; rel="next"'} if page + 1 < len(names) else {}
        self.reply(json.dumps(entries).encode(), more)

    def reply(self, body, headers={}):
        self.send_response(200)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


def run(script, *arguments, **environment):
    path = f"{pathlib.Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.run([ROOT / "data/prepare" / script, *arguments], capture_output=True, text=True,
                          env=os.environ | {"PATH": path} | {name: str(value) for name, value in environment.items()})


def expect(condition, what):
    if not condition:
        sys.exit(f"prepare_test: {what}")
    print("ok:", str(what).splitlines()[0][:110])


def main():
    tokenize = pathlib.Path(sys.argv[1]).resolve()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    hub = f"http://127.0.0.1:{server.server_port}"
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        common = {"TOKENIZE": tokenize, "HF_ENDPOINT": hub, "RAW": folder / "raw", "OUT": folder / "out"}

        result = run("fineweb.sh", "bytes", "--overwrite", VAL_FRACTION=0.1, **common)
        expect(result.returncode == 0, result.stderr or result.stdout)
        index = (folder / "out/dataset.yaml").read_text()
        expect(f"n_bytes: {sum(len(json.dumps({'text': t}, ensure_ascii=False).encode()) + 1 for t in TEXTS[:100])}" in index,
               "the texts of the first .parquet file, as lines of JSON, were read")
        n_requests = len(requests)
        result = run("fineweb.sh", "bytes", "--overwrite", VAL_FRACTION=0.1, **common)
        expect(not any("/resolve/" in path for path in requests[n_requests:]), "files that are there are not fetched again")

        common["RAW"] = folder / "slim"
        result = run("slimpajama.sh", "bytes", "--overwrite", **common)
        expect(result.returncode == 0 and (folder / "slim/validation/chunk1/a.jsonl.gz").exists(), result.stderr or result.stdout)
        expect("the files given as --val-files" in (folder / "out/dataset.yaml").read_text(), "their own validation is held out")

        server.shutdown()
        server.server_close()
        common["RAW"] = folder / "nothing"
        for script in ("openwebtext.sh", "fineweb.sh", "slimpajama.sh"):
            result = run(script, "bytes", **common)
            message = result.stderr.strip()
            expect(result.returncode == 3 and "cannot be reached" in message and "put them below" in message
                   and len(message.splitlines()) == 1, message)
            expect(run(script, **common).returncode == 2, f"{script} asks for a tokenizer")
        result = run("shakespeare.sh", URL=f"{hub}/input.txt", **common)
        expect(result.returncode == 3 and f"put it at {common['RAW']}/input.txt" in result.stderr, result.stderr)
        result = run("gcide.sh", TEXT=folder / "none", **common)
        expect(result.returncode == 3 and "is missing; install Debian's package dict-gcide" in result.stderr, result.stderr)
        (folder / "input.txt").write_text("To be, or not to be\n" * 50)
        common["RAW"].mkdir(exist_ok=True)
        (folder / "input.txt").rename(common["RAW"] / "input.txt")
        result = run("shakespeare.sh", "bytes", "--overwrite", **common)
        expect(result.returncode == 0, result.stderr or result.stdout)


main()
