// SPDX-License-Identifier: MIT
#include "trainer/exactness.hpp"

namespace isoflop {

std::string exactness(Session& session) {
  const Origin& origin = *session.origin();
  if (session.arithmetic() != origin.arithmetic)
    return "; the same but for rounding: that was written by " + origin.arithmetic;
  if (session.algorithms() != origin.algorithms)
    return "; the same but for rounding: that run's matrix products had other algorithms";
  const bool is_exact = !session.backend().gpu || session.backend().gpu->deterministic;
  return is_exact ? "; the same bits as without the stop" : "";
}

}  // namespace isoflop
