// SPDX-License-Identifier: MIT
#pragma once

namespace isoflop {

/// Model FLOPs utilisation, a fraction: FLOPs the model's training step needs (forward and
/// backward, recomputation not counted) over the dense peak of the precision it runs in. Source:
/// PaLM, arXiv:2204.02311, Appendix B.
double mfu(double train_flops_per_token, double tokens_per_s_per_device, double peak_dense_tflops);

}  // namespace isoflop
