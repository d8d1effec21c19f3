// SPDX-License-Identifier: MIT
#pragma once

#include "core/model/architecture.hpp"
#include "trainer/backend/activations/gelu_erf.hpp"
#include "trainer/backend/activations/gelu_tanh.hpp"
#include "trainer/backend/activations/leaky_relu.hpp"
#include "trainer/backend/activations/relu.hpp"
#include "trainer/backend/activations/silu.hpp"

#include <stdexcept>

namespace isoflop {

template <typename... Formulas>
struct FormulaList {};

/// The formula of every activation, in the order of kActivationRows; all backends dispatch over it.
using ActivationFormulas = FormulaList<GeluTanh, GeluErf, Silu, Relu, LeakyRelu>;

template <typename... Formulas>
constexpr bool is_complete(FormulaList<Formulas...>) {
  std::size_t i = 0;
  return sizeof...(Formulas) == kActivationRows.size() &&
         ((Formulas::kKind == kActivationRows[i++].value) && ...);
}
static_assert(is_complete(ActivationFormulas{}), "each row of kActivationRows needs its formula");

/// Calls f.template operator()<Formula>() with the formula of `kind`.
template <typename F, typename... Formulas>
void with_formula(Activation kind, const F& f, FormulaList<Formulas...>) {
  const bool found =
      ((kind == Formulas::kKind && (f.template operator()<Formulas>(), true)) || ...);
  if (!found) throw std::logic_error("activation outside the enumeration");
}
template <typename F>
void with_formula(Activation kind, const F& f) {
  with_formula(kind, f, ActivationFormulas{});
}

}  // namespace isoflop
