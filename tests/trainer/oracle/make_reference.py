#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Trains tiny models in PyTorch and writes what the trainer must reproduce: tests/trainer/oracle/reference.yaml.

Nothing here is shared with the C++ code. Model, loss and update are PyTorch's; what PyTorch does not have (order of data,
first values, masks of dropout, learning rate, clipping) is written from its definition. Made with Python 3.11.7, numpy 2.4.6 and PyTorch 2.15.0 on the CPU by

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
SEQ_LEN = 24
STEPS = 10
WARMUP_STEPS = 3
PEAK_LR = 1e-2
MIN_LR_FRACTION = 0.1
BETAS = (0.9, 0.95)
ADAM_EPS = 1e-8
WEIGHT_DECAY = 0.1
MUON_MOMENTUM = 0.95
MUON_ITERATIONS = 5
MAX_GRAD_NORM = 2.0
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
    norm_position: str = "pre"
    qk_norm: bool = False
    dropout: float = 0.0
    z_loss: float = 0.0
    init_std: float = 0.02
    depth_scaled_init: bool = True
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
    "gpt2_postnorm": Shape(normalization="layernorm_nobias", norm_position="post", activation="gelu_tanh",
                           position_encoding="learned_absolute", gated=False, bias=False, weight_tying=True, n_kv_head=4, d_ff=256),
    "gpt2_dropout": Shape(normalization="layernorm", activation="gelu_tanh", position_encoding="learned_absolute", gated=False,
                          bias=True, weight_tying=True, n_kv_head=4, d_ff=256, dropout=0.1),
    # What the others leave out.
    "mixed": Shape(normalization="layernorm", activation="gelu_erf", position_encoding="rope", gated=True, bias=True,
                   weight_tying=False, n_kv_head=1, d_ff=176, qk_norm=True, z_loss=1e-2, init_std=0.04, depth_scaled_init=False),
    "mixed_postnorm": Shape(normalization="rmsnorm", norm_position="post", activation="leaky_relu", position_encoding="none",
                            gated=False, bias=True, weight_tying=False, n_kv_head=2, d_ff=256, qk_norm=True, dropout=0.2),
}
# With Muon for the matrices of blocks.
MUON_CASES = {"gpt2_muon": CASES["gpt2"], "llama_muon": CASES["llama"]}


# Data and first values.


def token_windows():
    """Inputs and targets (BATCH_SIZE, SEQ_LEN): the windows of one stream of tokens, which together are one batch."""
    stream, state = [], 1
    for _ in range(BATCH_SIZE * SEQ_LEN + 1):
        stream.append((state >> 16) % 256)
        state = (1103515245 * state + 12345) % 2**31  # the generator of ISO C's example rand()
    stream = torch.tensor(stream)
    return stream[:-1].view(BATCH_SIZE, SEQ_LEN), stream[1:].view(BATCH_SIZE, SEQ_LEN)


def mix_bits(value):
    """One step of SplitMix64 (https://prng.di.unimi.it/splitmix64.c)."""
    value = (value + 0x9E3779B97F4A7C15) % 2**64
    value = (value ^ (value >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    value = (value ^ (value >> 27)) * 0x94D049BB133111EB % 2**64
    return value ^ (value >> 31)


def window_order(epoch):
    """Windows in the order in which an epoch, here one step, takes them: a Feistel network of six rounds on two bits."""
    assert BATCH_SIZE == 4
    keys, key = [], mix_bits((mix_bits(SEED) + epoch) % 2**64)
    for i in range(6):
        key = mix_bits((key + i) % 2**64)
        keys.append(key)
    order = []
    for position in range(BATCH_SIZE):
        left, right = position >> 1, position & 1
        for key in keys:
            left, right = right, left ^ (mix_bits(right ^ key) & 1)
        order.append(left << 1 | right)
    return order


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
    residual_std = shape.init_std / (math.sqrt(2 * shape.n_layer) if shape.depth_scaled_init else 1)
    rows = [("embedding.token.weight", (shape.vocab_size, shape.d_model), shape.init_std, False)]

    def linear(name, n_out, n_in, std=shape.init_std, bias=shape.bias):
        rows.append((f"{name}.weight", (n_out, n_in), std, True))
        if bias:
            rows.append((f"{name}.bias", (n_out,), "zeros", False))

    def norm(name, width=shape.d_model):
        rows.append((f"{name}.weight", (width,), "ones", False))
        if shape.normalization == "layernorm":
            rows.append((f"{name}.bias", (width,), "zeros", False))

    if shape.position_encoding == "learned_absolute":
        rows.append(("embedding.position.weight", (shape.max_seq_len, shape.d_model), shape.init_std, False))
    for layer in range(shape.n_layer):
        block = f"block.{layer}"
        norm(f"{block}.norm1")
        linear(f"{block}.attention.qkv", (shape.n_head + 2 * shape.n_kv_head) * shape.d_head, shape.d_model)
        if shape.qk_norm:
            norm(f"{block}.attention.q_norm", shape.d_head)
            norm(f"{block}.attention.k_norm", shape.d_head)
        linear(f"{block}.attention.out", shape.d_model, shape.n_head * shape.d_head, residual_std)
        norm(f"{block}.norm2")
        linear(f"{block}.ffn.in", (2 if shape.gated else 1) * shape.d_ff, shape.d_model)
        linear(f"{block}.ffn.out", shape.d_model, shape.d_ff, residual_std)
    if shape.norm_position == "pre":
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


class Dropout:
    """The masks of one step. A word of Philox belongs to (site, head, token of the run, column); those below rate 2^32 drop."""

    def __init__(self, rate, step):
        self.rate = rate
        self.first_token = (step - 1) * BATCH_SIZE * SEQ_LEN

    def factors(self, site, head, n_column):
        """(BATCH_SIZE, SEQ_LEN, n_column): 0 or 1 / (1 - rate)."""
        rows = BATCH_SIZE * SEQ_LEN
        block, token = np.meshgrid(np.arange((n_column + 3) // 4), self.first_token + np.arange(rows))
        words = philox4x32((block, token, np.zeros_like(token), np.full_like(token, site << 16 | head)), (SEED % 2**32, SEED >> 32))
        kept = np.stack(words, axis=-1).reshape(rows, -1)[:, :n_column] >= round(self.rate * (2**32 - 1))
        return torch.from_numpy(kept / (1 - self.rate)).view(BATCH_SIZE, SEQ_LEN, n_column)

    def rows(self, site, x):
        """x (B, T, n_column)."""
        return x * self.factors(site, 0, x.shape[-1]).to(x.dtype) if self.rate > 0 else x

    def probabilities(self, site, x):
        """x (B, n_head, T, T)."""
        if self.rate == 0:
            return x
        return x * torch.stack([self.factors(site, head, x.shape[-1]) for head in range(x.shape[1])], dim=1).to(x.dtype)


def normalize(shape, p, name, x):
    if shape.normalization == "rmsnorm":
        return F.rms_norm(x, x.shape[-1:], p[f"{name}.weight"], NORM_EPS)
    return F.layer_norm(x, x.shape[-1:], p[f"{name}.weight"], p.get(f"{name}.bias"), NORM_EPS)


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


def attention(shape, p, name, x, dropout, site):
    B, T, _ = x.shape
    qkv = linear(p, f"{name}.qkv", x).view(B, T, -1, shape.d_head).transpose(1, 2)
    q, k, v = qkv.split([shape.n_head, shape.n_kv_head, shape.n_kv_head], dim=1)
    if shape.qk_norm:
        q, k = normalize(shape, p, f"{name}.q_norm", q), normalize(shape, p, f"{name}.k_norm", k)
    if shape.position_encoding == "rope":
        q, k = rotate(shape, q), rotate(shape, k)
    k, v = (t.repeat_interleave(shape.n_head // shape.n_kv_head, dim=1) for t in (k, v))
    future = torch.ones(T, T, dtype=torch.bool).triu(1)
    scores = (q @ k.transpose(2, 3) / math.sqrt(shape.d_head)).masked_fill(future, -math.inf)
    out = dropout.probabilities(site, F.softmax(scores, dim=-1)) @ v
    return dropout.rows(site + 1, linear(p, f"{name}.out", out.transpose(1, 2).reshape(B, T, -1)))


ACTIVATIONS = {
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "gelu_erf": F.gelu,
    "silu": F.silu,
    "relu": F.relu,
    "leaky_relu": F.leaky_relu,
}


def feed_forward(shape, p, name, x, dropout, site):
    act = ACTIVATIONS[shape.activation]
    hidden = linear(p, f"{name}.in", x)
    if shape.gated:
        gate, up = hidden.chunk(2, dim=-1)
        hidden = act(gate) * up
    else:
        hidden = act(hidden)
    return dropout.rows(site, linear(p, f"{name}.out", hidden))


def logits(shape, p, tokens, dropout):
    def norm(name, x):
        return normalize(shape, p, name, x)

    x = F.embedding(tokens, p["embedding.token.weight"])
    if shape.position_encoding == "learned_absolute":
        x = x + p["embedding.position.weight"][: tokens.shape[1]]
    x = dropout.rows(1, x)
    for layer in range(shape.n_layer):
        block, site = f"block.{layer}", 2 + 3 * layer
        if shape.norm_position == "pre":
            x = x + attention(shape, p, f"{block}.attention", norm(f"{block}.norm1", x), dropout, site)
            x = x + feed_forward(shape, p, f"{block}.ffn", norm(f"{block}.norm2", x), dropout, site + 2)
        else:
            x = norm(f"{block}.norm1", x + attention(shape, p, f"{block}.attention", x, dropout, site))
            x = norm(f"{block}.norm2", x + feed_forward(shape, p, f"{block}.ffn", x, dropout, site + 2))
    if shape.norm_position == "pre":
        x = norm("head.norm", x)
    return F.linear(x, p["embedding.token.weight" if shape.weight_tying else "head.output.weight"])


# Training.


def learning_rate(step):
    """Of step 1 .. STEPS: linear warm-up, then half a cosine that ends at the last step."""
    if step <= WARMUP_STEPS:
        return PEAK_LR * step / WARMUP_STEPS
    progress = (step - WARMUP_STEPS) / (STEPS - WARMUP_STEPS)
    return PEAK_LR * (MIN_LR_FRACTION + (1 - MIN_LR_FRACTION) * 0.5 * (1 + math.cos(math.pi * progress)))


def hidden_matrices(shape, parameters):
    """Views of the matrices of all blocks, (rows, cols) each: queries, keys, values, gate and up by themselves."""
    head = shape.d_head
    rows = {"qkv": [shape.n_head * head, shape.n_kv_head * head, shape.n_kv_head * head],
            "in": [shape.d_ff] * (2 if shape.gated else 1)}
    for name, parameter in parameters.items():
        parts = name.split(".")
        if parts[0] == "block" and parameter.dim() == 2:
            yield name, parameter.split(rows.get(parts[3], [parameter.shape[0]]))


def orthogonalised(matrix):
    """The quintic of Jordan et al., "Muon: an optimizer for hidden layers in neural networks", 2024, applied to the singular values."""
    u, s, vh = torch.linalg.svd(matrix, full_matrices=False)
    s = s / (matrix.norm() + 1e-7)
    for _ in range(MUON_ITERATIONS):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    return u @ torch.diag(s) @ vh


class Muon:
    """With Nesterov momentum, updates scaled and decayed as in Liu et al., arXiv:2502.16982, section 2.2."""

    def __init__(self, shape, parameters):
        self.shape = shape
        self.parameters = parameters
        self.momenta = {name: torch.zeros_like(p) for name, p in parameters.items()}

    @torch.no_grad()
    def step(self, lr):
        for name, matrices in hidden_matrices(self.shape, self.parameters):
            gradient, momentum = self.parameters[name].grad, self.momenta[name]
            momentum.mul_(MUON_MOMENTUM).add_(gradient)
            directions = (gradient + MUON_MOMENTUM * momentum).split([len(matrix) for matrix in matrices])
            for matrix, direction in zip(matrices, directions):
                matrix.mul_(1 - lr * WEIGHT_DECAY).sub_(lr * 0.2 * math.sqrt(max(matrix.shape)) * orthogonalised(direction))


class AdamW:
    def __init__(self, shape, parameters):
        decayed = {name: decay for name, _, _, decay in parameter_table(shape)}
        groups = [{"params": [p for name, p in parameters.items() if decayed[name] == decay],
                   "weight_decay": WEIGHT_DECAY if decay else 0.0} for decay in (True, False)]
        self.optimizer = torch.optim.AdamW(groups, lr=0.0, betas=BETAS, eps=ADAM_EPS)

    def step(self, lr):
        for group in self.optimizer.param_groups:
            group["lr"] = lr
        self.optimizer.step()


def make_optimizers(shape, parameters, muon):
    if not muon:
        return [AdamW(shape, parameters)]
    hidden = {name for name, _ in hidden_matrices(shape, parameters)}
    return [Muon(shape, parameters), AdamW(shape, {name: p for name, p in parameters.items() if name not in hidden})]


def train(shape, dtype, muon):
    """Loss and gradient norm of every step; (sum, norm) of the first step's gradients by parameter."""
    inputs, targets = token_windows()
    parameters = initial_parameters(shape, dtype)
    optimizers = make_optimizers(shape, parameters, muon)
    losses, norms, first_gradients = [], [], {}
    for step in range(1, STEPS + 1):
        for p in parameters.values():
            p.grad = None
        order = window_order(epoch=step - 1)
        scores = logits(shape, parameters, inputs[order], Dropout(shape.dropout, step)).flatten(0, 1)
        loss = F.cross_entropy(scores, targets[order].flatten())
        z_loss = shape.z_loss * scores.logsumexp(dim=-1).square().mean()  # PaLM, arXiv:2204.02311, section 5
        (loss + z_loss).backward()
        gradients = {name: p.grad.double() for name, p in parameters.items()}
        norm = math.sqrt(sum(g.square().sum().item() for g in gradients.values()))
        if step == 1:
            first_gradients = {name: (g.sum().item(), g.norm().item()) for name, g in gradients.items()}
        for p in parameters.values():
            p.grad *= min(1.0, MAX_GRAD_NORM / norm)
        for optimizer in optimizers:
            optimizer.step(learning_rate(step))
        losses.append(loss.item())
        norms.append(norm)
    return losses, norms, first_gradients


def numbers(values, digits):
    return "[" + ", ".join(f"{value:.{digits}g}" for value in values) + "]"


def main():
    torch.set_num_threads(1)
    print("# SPDX-License-Identifier: MIT")
    print("# Written by make_reference.py, which says what it is.")
    print(f"# Python {platform.python_version()}, numpy {np.__version__}, PyTorch {torch.__version__}.")
    for name, shape in (CASES | MUON_CASES).items():
        print(f"{name}:")
        for precision, dtype, digits in (("fp64", torch.float64, 15), ("fp32", torch.float32, 9)):
            losses, norms, first_gradients = train(shape, dtype, muon=name in MUON_CASES)
            print(f"  {precision}:")
            print(f"    loss: {numbers(losses, digits)}")
            print(f"    grad_norm: {numbers(norms, digits)}")
            print("    first_gradients:  # sum, norm")
            for parameter, values in first_gradients.items():
                print(f"      {parameter}: {numbers(values, digits)}")


if __name__ == "__main__":
    main()
