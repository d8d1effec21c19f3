#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Runs tiny models in PyTorch transformers and writes what the trainer must reproduce: tests/trainer/interchange/reference/.

Per case: NAME.config.json as transformers saves it, NAME.logits.yaml with the tokens of a sequence and the logits behind each.
Weights are a function of a tensor's name and an element's place (transformers' own names and shapes), so that no weights need to be
stored and both sides make them by themselves. Made with Python 3.11.7, PyTorch 2.15.0 and transformers 5.23.0 on the CPU by

    python3 tests/trainer/interchange/make_reference.py tests/trainer/interchange/reference
"""

import json
import pathlib
import platform
import sys
import zlib

import numpy as np
import torch
import transformers

N_TOKENS = 12
SHARED = {"vocab_size": 97, "bos_token_id": 96, "eos_token_id": 96}
LLAMA = SHARED | {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
                  "intermediate_size": 56, "max_position_embeddings": 64}
CASES = {
    "gpt2": transformers.GPT2Config(**SHARED, n_embd=32, n_layer=2, n_head=4, n_positions=24),
    "gpt2_untied": transformers.GPT2Config(**SHARED, n_embd=32, n_layer=2, n_head=2, n_positions=24, n_inner=40,
                                           activation_function="gelu", layer_norm_epsilon=1e-3, tie_word_embeddings=False),
    "llama": transformers.LlamaConfig(**LLAMA, rope_theta=500000.0, rms_norm_eps=1e-5),
    "llama_bias": transformers.LlamaConfig(**LLAMA | {"head_dim": 12, "num_key_value_heads": 4}, attention_bias=True, mlp_bias=True,
                                           tie_word_embeddings=True, hidden_act="gelu_pytorch_tanh"),
    "mistral": transformers.MistralConfig(**LLAMA, sliding_window=None),
    "qwen2": transformers.Qwen2Config(**LLAMA, tie_word_embeddings=True),
    "qwen3": transformers.Qwen3Config(**LLAMA, head_dim=16),
}


def mix_bits(value):
    """One step of SplitMix64 (https://prng.di.unimi.it/splitmix64.c) over an array of 64-bit words."""
    value = value + np.uint64(0x9E3779B97F4A7C15)
    value = (value ^ (value >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    value = (value ^ (value >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return value ^ (value >> np.uint64(31))


def formula(name, shape):
    """Multiples of 2^-18 in [-1/8, 1/8); 1 is added to the weights of norms. Exact in f32."""
    size = int(np.prod(shape))
    bits = mix_bits(np.uint64(zlib.crc32(name.encode())) + np.arange(size, dtype=np.uint64)) >> np.uint64(48)
    values = (bits.astype(np.float64) - 32768) / 2**18
    if len(shape) == 1 and name.endswith("weight"):
        values += 1
    return torch.from_numpy(values.reshape(shape)).float()


def model_of(config):
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").float().eval()
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            parameter.copy_(formula(name, tuple(parameter.shape)))
    return model


def tokens_of(vocab_size):
    return [(7 * i * i + 3) % vocab_size for i in range(N_TOKENS)]


def main(folder):
    torch.set_num_threads(1)
    for name, config in CASES.items():
        tokens = tokens_of(config.vocab_size)
        with torch.no_grad():
            logits = model_of(config)(torch.tensor([tokens])).logits[0]
        (folder / f"{name}.config.json").write_text(json.dumps(config.to_dict(), indent=2, sort_keys=True) + "\n")
        lines = [
            "# SPDX-License-Identifier: MIT",
            "# Written by make_reference.py, which says what it is.",
            f"# Python {platform.python_version()}, PyTorch {torch.__version__}, transformers {transformers.__version__}.",
            f"tokens: {tokens}",
            "logits:  # a row for each token",
        ]
        lines += ["  - [" + ", ".join(f"{value:.9g}" for value in row.tolist()) + "]" for row in logits]
        (folder / f"{name}.logits.yaml").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main(pathlib.Path(sys.argv[1]))
