// SPDX-License-Identifier: MIT
#include "core/model/hugging_face_family.hpp"

#include "core/model/architecture.hpp"

namespace isoflop {

const HuggingFaceFamilyRow& row_of(HuggingFaceFamily family) {
  static_assert(rows_in_order(kHuggingFaceFamilies));
  return kHuggingFaceFamilies[static_cast<std::size_t>(family)];
}

}  // namespace isoflop
