#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Trains tiny models in PyTorch and writes what the trainer must reproduce: tests/trainer/oracle/reference.yaml.

Nothing here is shared with the C++ code. Model, loss and update are PyTorch's; what PyTorch does not have (first values, learning
rate, clipping) is written from its definition. Made with Python 3.11.7, numpy 2.4.6 and PyTorch 2.15.0 on the CPU by

    python3 tests/trainer/oracle/make_reference.py > tests/trainer/oracle/reference.yaml

Per case and precision: the loss (nats per token) and the gradient's norm (global, before clipping) of every step, and the sum and
L2 norm of every parameter's gradient in the first step.
"""

import dataclasses
import math
import platform

import numpy as np
import torch
import torch.nn.functional as F

SEED = 1234
BATCH_SIZE = 4
SEQ_LEN = 32
STEPS = 10
WARMUP_STEPS = 3
PEAK_LR = 1e-2
MIN_LR_FRACTION = 0.1
BETAS = (0.9, 0.95)
ADAM_EPS = 1e-8
WEIGHT_DECAY = 0.1
MAX_GRAD_NORM = 2.0
INIT_STD = 0.02
NORM_EPS = 1e-5


@dataclasses.dataclass(frozen=True)
class Shape:
    """A decoder; the fields are those of a model file."""

    normalization: str
    activation: str
    position_encoding: str
    gated: bool
    bias: bool
    weight_tying: bool
    n_kv_head: int
    d_ff: int
    n_layer: int = 2
    d_model: int = 64
    n_head: int = 4
    d_head: int = 16
    vocab_size: int = 257
    max_seq_len: int = 40
    rope_theta: float = 10000.0


CASES = {
    "gpt2": Shape(normalization="layernorm", activation="gelu_tanh", position_encoding="learned_absolute", gated=False, bias=True,
                  weight_tying=True, n_kv_head=4, d_ff=256),
    "llama": Shape(normalization="rmsnorm", activation="silu", position_encoding="rope", gated=True, bias=False,
                   weight_tying=False, n_kv_head=2, d_ff=176),
    "hybrid": Shape(normalization="layernorm", activation="gelu_tanh", position_encoding="rope", gated=False, bias=True,
                    weight_tying=True, n_kv_head=4, d_ff=256),
}


# Data and first values.


def token_windows():
    """Inputs and targets (BATCH_SIZE, SEQ_LEN): all of one stream of tokens, which is one batch."""
    stream, state = [], 1
    for _ in range(BATCH_SIZE * SEQ_LEN + 1):
        stream.append((state >> 16) % 256)
        state = (1103515245 * state + 12345) % 2**31  # the generator of ISO C's example rand()
    stream = torch.tensor(stream)
    return stream[:-1].view(BATCH_SIZE, SEQ_LEN), stream[1:].view(BATCH_SIZE, SEQ_LEN)


def philox4x32(counter, key):
    """Philox4x32-10 of Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011, over arrays of 32-bit counters."""
    low_bits = np.uint64(0xFFFFFFFF)
    c0, c1, c2, c3 = (np.asarray(word, dtype=np.uint64) for word in counter)
    k0, k1 = key
    for _ in range(10):
        product0, product1 = np.uint64(0xD2511F53) * c0, np.uint64(0xCD9E8D57) * c2
        high0, low0 = product0 >> np.uint64(32), product0 & low_bits
        high1, low1 = product1 >> np.uint64(32), product1 & low_bits
        c0, c1, c2, c3 = high1 ^ c1 ^ np.uint64(k0), low1, high0 ^ c3 ^ np.uint64(k1), low0
        k0, k1 = (k0 + 0x9E3779B9) % 2**32, (k1 + 0xBB67AE85) % 2**32
    return c0, c1, c2, c3


def standard_normals(tensor, n):
    """The first n normals of the row that belongs to the model's tensor number `tensor`: Box-Muller pairs of Philox words."""
    block = np.arange((n + 3) // 4, dtype=np.uint64)
    zero = np.zeros_like(block)
    words = philox4x32((block, zero, zero + np.uint64(tensor), zero), (SEED % 2**32, SEED >> 32))
    u0, u1, u2, u3 = ((word.astype(np.float64) + 0.5) / 2**32 for word in words)
    r0, r2 = np.sqrt(-2 * np.log(u0)), np.sqrt(-2 * np.log(u2))
    t1, t3 = 2 * np.pi * u1, 2 * np.pi * u3
    return np.stack([r0 * np.cos(t1), r0 * np.sin(t1), r2 * np.cos(t3), r2 * np.sin(t3)], axis=1).reshape(-1)[:n]


def parameter_table(shape):
    """(name, extents, first value, decayed) in the model's order; a first value is a standard deviation or "ones" or "zeros"."""
    residual_std = INIT_STD / math.sqrt(2 * shape.n_layer)
    rows = [("embedding.token.weight", (shape.vocab_size, shape.d_model), INIT_STD, False)]

    def linear(name, n_out, n_in, std=INIT_STD, bias=shape.bias):
        rows.append((f"{name}.weight", (n_out, n_in), std, True))
        if bias:
            rows.append((f"{name}.bias", (n_out,), "zeros", False))

    def norm(name):
        rows.append((f"{name}.weight", (shape.d_model,), "ones", False))
        if shape.normalization == "layernorm":
            rows.append((f"{name}.bias", (shape.d_model,), "zeros", False))

    if shape.position_encoding == "learned_absolute":
        rows.append(("embedding.position.weight", (shape.max_seq_len, shape.d_model), INIT_STD, False))
    for layer in range(shape.n_layer):
        block = f"block.{layer}"
        norm(f"{block}.norm1")
        linear(f"{block}.attention.qkv", (shape.n_head + 2 * shape.n_kv_head) * shape.d_head, shape.d_model)
        linear(f"{block}.attention.out", shape.d_model, shape.n_head * shape.d_head, residual_std)
        norm(f"{block}.norm2")
        linear(f"{block}.ffn.in", (2 if shape.gated else 1) * shape.d_ff, shape.d_model)
        linear(f"{block}.ffn.out", shape.d_model, shape.d_ff, residual_std)
    norm("head.norm")
    if not shape.weight_tying:
        linear("head.output", shape.vocab_size, shape.d_model, bias=False)
    return rows


def initial_parameters(shape, dtype):
    parameters = {}
    for number, (name, extents, init, _) in enumerate(parameter_table(shape)):
        if init == "ones":
            value = torch.ones(extents, dtype=dtype)
        elif init == "zeros":
            value = torch.zeros(extents, dtype=dtype)
        else:
            value = torch.from_numpy(init * standard_normals(number, math.prod(extents))).view(extents).to(dtype)
        parameters[name] = value.requires_grad_()
    return parameters


# The model.


def normalize(shape, p, name, x):
    if shape.normalization == "rmsnorm":
        return F.rms_norm(x, (shape.d_model,), p[f"{name}.weight"], NORM_EPS)
    return F.layer_norm(x, (shape.d_model,), p[f"{name}.weight"], p.get(f"{name}.bias"), NORM_EPS)


def linear(p, name, x):
    return F.linear(x, p[f"{name}.weight"], p.get(f"{name}.bias"))


def rotate(shape, x):
    """RoPE (arXiv:2104.09864) on x (B, n, T, d_head), pairs (i, i + d_head / 2) as in LLaMA checkpoints of Hugging Face."""
    half = shape.d_head // 2
    frequency = shape.rope_theta ** (-torch.arange(half, dtype=torch.float64) / half)
    angle = torch.outer(torch.arange(x.shape[2], dtype=torch.float64), frequency)
    cos, sin = angle.cos().to(x.dtype), angle.sin().to(x.dtype)
    first, second = x[..., :half], x[..., half:]
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=-1)


def attention(shape, p, name, x):
    B, T, _ = x.shape
    qkv = linear(p, f"{name}.qkv", x).view(B, T, -1, shape.d_head).transpose(1, 2)
    q, k, v = qkv.split([shape.n_head, shape.n_kv_head, shape.n_kv_head], dim=1)
    if shape.position_encoding == "rope":
        q, k = rotate(shape, q), rotate(shape, k)
    k, v = (t.repeat_interleave(shape.n_head // shape.n_kv_head, dim=1) for t in (k, v))
    out = F.scaled_dot_product_attention(q, k, v, is_causal=True)
    return linear(p, f"{name}.out", out.transpose(1, 2).reshape(B, T, -1))


def feed_forward(shape, p, name, x):
    act = {"silu": F.silu, "gelu_tanh": lambda h: F.gelu(h, approximate="tanh")}[shape.activation]
    hidden = linear(p, f"{name}.in", x)
    if shape.gated:
        gate, up = hidden.chunk(2, dim=-1)
        return linear(p, f"{name}.out", act(gate) * up)
    return linear(p, f"{name}.out", act(hidden))


def logits(shape, p, tokens):
    x = F.embedding(tokens, p["embedding.token.weight"])
    if shape.position_encoding == "learned_absolute":
        x = x + p["embedding.position.weight"][: tokens.shape[1]]
    for layer in range(shape.n_layer):
        block = f"block.{layer}"
        x = x + attention(shape, p, f"{block}.attention", normalize(shape, p, f"{block}.norm1", x))
        x = x + feed_forward(shape, p, f"{block}.ffn", normalize(shape, p, f"{block}.norm2", x))
    output = "embedding.token.weight" if shape.weight_tying else "head.output.weight"
    return F.linear(normalize(shape, p, "head.norm", x), p[output])


# Training.


def learning_rate(step):
    """Of step 1 .. STEPS: linear warm-up, then half a cosine that ends at the last step."""
    if step <= WARMUP_STEPS:
        return PEAK_LR * step / WARMUP_STEPS
    progress = (step - WARMUP_STEPS) / (STEPS - WARMUP_STEPS)
    return PEAK_LR * (MIN_LR_FRACTION + (1 - MIN_LR_FRACTION) * 0.5 * (1 + math.cos(math.pi * progress)))


def make_optimizer(shape, parameters):
    decayed = {name: decay for name, _, _, decay in parameter_table(shape)}
    groups = [{"params": [p for name, p in parameters.items() if decayed[name] == decay],
               "weight_decay": WEIGHT_DECAY if decay else 0.0} for decay in (True, False)]
    return torch.optim.AdamW(groups, lr=0.0, betas=BETAS, eps=ADAM_EPS)


def train(shape, dtype):
    """Loss and gradient norm of every step; (sum, norm) of the first step's gradients by parameter."""
    inputs, targets = token_windows()
    parameters = initial_parameters(shape, dtype)
    optimizer = make_optimizer(shape, parameters)
    losses, norms, first_gradients = [], [], {}
    for step in range(1, STEPS + 1):
        optimizer.zero_grad()
        loss = F.cross_entropy(logits(shape, parameters, inputs).flatten(0, 1), targets.flatten())
        loss.backward()
        gradients = {name: p.grad.double() for name, p in parameters.items()}
        norm = math.sqrt(sum(g.square().sum().item() for g in gradients.values()))
        if step == 1:
            first_gradients = {name: (g.sum().item(), g.norm().item()) for name, g in gradients.items()}
        for p in parameters.values():
            p.grad *= min(1.0, MAX_GRAD_NORM / norm)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step)
        optimizer.step()
        losses.append(loss.item())
        norms.append(norm)
    clipped = sum(norm > MAX_GRAD_NORM for norm in norms)
    assert 0 < clipped < STEPS, "steps with and without clipping are wanted"
    return losses, norms, first_gradients


def numbers(values, digits):
    return "[" + ", ".join(f"{value:.{digits}g}" for value in values) + "]"


def main():
    torch.set_num_threads(1)
    print("# SPDX-License-Identifier: MIT")
    print("# Written by make_reference.py, which says what it is.")
    print(f"# Python {platform.python_version()}, numpy {np.__version__}, PyTorch {torch.__version__}.")
    for name, shape in CASES.items():
        print(f"{name}:")
        for precision, dtype, digits in (("fp64", torch.float64, 15), ("fp32", torch.float32, 9)):
            losses, norms, first_gradients = train(shape, dtype)
            print(f"  {precision}:")
            print(f"    loss: {numbers(losses, digits)}")
            print(f"    grad_norm: {numbers(norms, digits)}")
            print("    first_gradients:  # sum, norm")
            for parameter, values in first_gradients.items():
                print(f"      {parameter}: {numbers(values, digits)}")


if __name__ == "__main__":
    main()
