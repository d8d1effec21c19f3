// SPDX-License-Identifier: MIT
#pragma once

/// What the formulas of activations are made of. A formula is a struct with
///
///   kKind            its enumerator,
///   at<Math>(x)      value and slope, computed with the functions of `Math`: each backend brings
///                    its own (below),
///   reference(x), reference_slope(x)
///                    both again in f64 from the definition: what the other form is tested against.
///
/// A Math has a type Real and the static functions exp(x), sigmoid(x) = 1 / (1 + e^-x) and
/// normal_cdf(x), the distribution function of the standard normal distribution.

/// Before at<Math>(). CUDA sources define it as __device__ before they include a formula; elsewhere
/// it must be inlined into the loop to become vector code.
#ifndef ISOFLOP_FORMULA
#define ISOFLOP_FORMULA inline __attribute__((always_inline))
#endif

namespace isoflop {

/// A function and its derivative at one point.
template <typename Real>
struct ValueAndSlope {
  Real value;
  Real slope;
};

}  // namespace isoflop
