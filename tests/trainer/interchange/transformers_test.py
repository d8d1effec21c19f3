#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Round trips between the trainer and PyTorch transformers: save_pretrained -> import -> export -> from_pretrained, and training -> export.

usage: transformers_test.py FOLDER_OF_PROGRAMS     (by transformers_test.sh, which provides PyTorch and transformers)
"""

import json
import pathlib
import re
import subprocess
import sys
import tempfile

import safetensors.torch
import torch
import transformers

import make_reference

REPOSITORY = pathlib.Path(__file__).resolve().parents[3]
sys.path.insert(0, str(REPOSITORY / "tests/tokenize"))
import bpe_trainer  # noqa: E402 (needs no package that is not there)

# Two models of ours, with every bias and without, tied and not; the vocabulary is padded.
MODELS = {
    "gpt2": "preset: gpt2\n  n_layer: 2\n  d_model: 32\n  n_head: 4\n  max_seq_len: 48\n  vocab_size: 384",
    "llama": "preset: llama\n  n_layer: 2\n  d_model: 32\n  n_head: 4\n  n_kv_head: 2\n  d_ff: 64\n  max_seq_len: 48\n  vocab_size: 384",
}
TRAIN = """
run: {{name: {name}, out: runs}}
model:
  {model}
data: {{path: data, seq_len: 48}}
layout: {{strategy: ddp, micro_batch_size: 4, global_batch_size: 8}}
optimizer: {{lr: 1e-2}}
schedule: {{steps: 60, warmup_steps: 6}}
checkpoint: {{interval_minutes: 0}}
device: {{kind: cpu}}
precision: {precision}
"""


class Programs:
    def __init__(self, folder, work):
        self.folder = folder
        self.work = work

    def run(self, program, *arguments):
        words = [str(self.folder / program), *map(str, arguments)]
        result = subprocess.run(words, cwd=self.work, capture_output=True, text=True)
        assert result.returncode == 0, f"{' '.join(words)}: exit code {result.returncode}\n{result.stdout}{result.stderr}"
        return result.stdout

    def json(self, *arguments):
        return json.loads(self.run("trainer", *arguments, "--json"))


def tensors_of(folder):
    tensors = {}
    for path in sorted(folder.glob("*.safetensors")):
        tensors |= safetensors.torch.load_file(path)
    return tensors


def load(folder, dtype=torch.float32):
    """The model, of which every parameter must be in the folder, and nothing else."""
    model, info = transformers.AutoModelForCausalLM.from_pretrained(folder, dtype=dtype, attn_implementation="eager",
                                                                     output_loading_info=True)
    for what in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        assert not info[what], f"{folder}: {what} {info[what]}"
    return model.eval()


def logits_of(model, tokens):
    with torch.no_grad():
        return model(torch.tensor([tokens])).logits[0].float()


def saved_model(config, folder, dtype, shard_size):
    torch.manual_seed(1)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").to(dtype)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.05 * torch.randn_like(parameter))  # biases and norms too
    model.save_pretrained(folder, max_shard_size=shard_size)
    return model.eval()


def test_round_trip(programs, name, config, dtype, shard_size):
    """transformers' tensors come back bit for bit, and with them the logits."""
    folder = programs.work / f"{name}-{dtype}".replace("torch.", "")
    original = saved_model(config, folder / "saved", dtype, shard_size)
    programs.run("trainer", "import", folder / "saved", "--to", folder / "checkpoint")
    programs.run("trainer", "export", folder / "checkpoint", "--to", folder / "exported", "--dtype",
                 {torch.float32: "f32", torch.bfloat16: "bf16", torch.float16: "f16"}[dtype], "--shard-bytes", "20KB")
    before, after = tensors_of(folder / "saved"), tensors_of(folder / "exported")
    assert before.keys() == after.keys(), before.keys() ^ after.keys()
    for key in before:
        assert before[key].dtype == after[key].dtype == dtype and torch.equal(before[key], after[key]), key
    assert len(list((folder / "exported").glob("*.safetensors"))) > 1
    exported = load(folder / "exported", dtype)
    assert type(exported) is type(original) or name == "mistral", type(exported)
    tokens = make_reference.tokens_of(config.vocab_size)
    assert torch.equal(logits_of(exported, tokens), logits_of(original, tokens)), name


def write_bpe_data(programs):
    """This repository's documentation in a vocabulary trained on it; returns its text."""
    text = "".join((REPOSITORY / name).read_text() for name in ("README.md", "CONTRIBUTING.md"))
    tokens, merges = bpe_trainer.train(text[:20000], 100)
    bpe_trainer.write_vocab_and_merges(programs.work / "vocabulary", tokens, merges)
    (programs.work / "text.txt").write_text(text)
    programs.run("tokenize", "text.txt", "--tokenizer", "gpt2:vocabulary", "--documents", "paragraph", "--val-fraction", "0.1",
                 "--out", "data")
    return text


def windows_of(path, seq_len):
    """Inputs and targets of a shard, the last ones shorter."""
    bits = 16 if int.from_bytes(path.read_bytes()[:4], "little") == 20240520 else 32
    tokens = torch.frombuffer(bytearray(path.read_bytes()[1024:]), dtype=torch.uint16 if bits == 16 else torch.uint32).long()
    for first in range(0, len(tokens) - 1, seq_len):
        window = tokens[first : first + seq_len + 1]
        yield window[:-1], window[1:]


def loss_in_pytorch(model, folder, seq_len):
    total, n = 0.0, 0
    for path in sorted(folder.glob("*val*.bin")):
        for inputs, targets in windows_of(path, seq_len):
            logits = logits_of(model, inputs.tolist())
            total += torch.nn.functional.cross_entropy(logits.double(), targets, reduction="sum").item()
            n += len(targets)
    return total / n, n


def test_trained_model(programs, name, text):
    """What was trained here has the same loss and greedy text there."""
    (programs.work / f"{name}.yaml").write_text(TRAIN.format(name=name, model=MODELS[name], precision="fp32"))
    programs.run("trainer", f"{name}.yaml")
    checkpoint = pathlib.Path("runs") / f"{name}.checkpoints"
    exported = programs.json("export", checkpoint, "--to", f"{name}-exported")
    assert exported["vocab_size"] == 357 and exported["model_vocab_size"] == 384 and exported["dtype"] == "f32", exported
    model = load(programs.work / f"{name}-exported")

    here = programs.json("eval", checkpoint, "data")
    loss, n = loss_in_pytorch(model, programs.work / "data", 48)
    assert here["n_tokens"] == n, (here["n_tokens"], n)
    # the output of ours has 27 rows more, which pad the vocabulary and take a part of the probability, less and less with training
    assert 0 < here["loss_nats_per_token"] - loss < 0.01, (here, loss)
    padded = programs.json("export", checkpoint, "--to", f"{name}-padded", "--data", padded_data(programs))
    assert padded["vocab_size"] == 384
    loss, _ = loss_in_pytorch(load(programs.work / f"{name}-padded"), programs.work / "data", 48)
    assert abs(here["loss_nats_per_token"] - loss) < 1e-5, (here, loss)

    prompt = text[5000:5030]
    tokenizer = transformers.AutoTokenizer.from_pretrained(programs.work / f"{name}-exported")
    ids = tokenizer(prompt)["input_ids"]
    ours = programs.json("sample", checkpoint, "--prompt", prompt, "--max-tokens", 20, "--temperature", 0)["samples"][0]
    by_ids = programs.json("sample", checkpoint, "--prompt-ids", ",".join(map(str, ids)), "--max-tokens", 20, "--temperature", 0)
    assert by_ids["samples"][0]["tokens"] == ours["tokens"]
    theirs = model.generate(torch.tensor([ids]), max_new_tokens=20, do_sample=False)[0, len(ids) :].tolist()
    if model.config.eos_token_id in theirs:
        theirs = theirs[: theirs.index(model.config.eos_token_id)]
    assert theirs == ours["tokens"], (theirs, ours)
    assert tokenizer.decode(theirs, clean_up_tokenization_spaces=False) == ours["text"]


def padded_data(programs):
    """The same dataset for a tokenizer of as many ids as the model has, so that no row is left out."""
    folder = programs.work / "padded-data"
    folder.mkdir(exist_ok=True)
    index = (programs.work / "data/dataset.yaml").read_text()
    (folder / "dataset.yaml").write_text(re.sub(r"vocab_size: 357", "vocab_size: 384", index))
    for path in (programs.work / "data").iterdir():
        if path.name != "dataset.yaml" and not (folder / path.name).exists():
            (folder / path.name).symlink_to(path)
    return folder


def test_tokenizer(programs, text):
    """transformers' tokenizer gives the ids that tokenize wrote."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(programs.work / "llama-exported")
    assert tokenizer.eos_token_id == 356, tokenizer.eos_token_id
    sample = text[:4000] + " naïve 東京  don't\n\n\t x"
    (programs.work / "sample.txt").write_text(sample)
    programs.run("tokenize", "sample.txt", "--tokenizer", "gpt2:vocabulary", "--val-fraction", "0", "--out", "sample-data")
    shard = next((programs.work / "sample-data").glob("*train*.bin"))
    ids = torch.frombuffer(bytearray(shard.read_bytes()[1024:]), dtype=torch.uint16).tolist()
    assert [i for i in ids if i != 356] == tokenizer(sample)["input_ids"]


def main(folder):
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as work:
        programs = Programs(folder.resolve(), pathlib.Path(work))
        for name, config in make_reference.CASES.items():
            test_round_trip(programs, name, config, torch.float32, "30KB")
        test_round_trip(programs, "llama", make_reference.CASES["llama"], torch.bfloat16, "5GB")
        test_round_trip(programs, "gpt2", make_reference.CASES["gpt2"], torch.float16, "5GB")
        text = write_bpe_data(programs)
        for name in MODELS:
            test_trained_model(programs, name, text)
        test_tokenizer(programs, text)
    print("round trips passed")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
