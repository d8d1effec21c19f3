// SPDX-License-Identifier: MIT
#pragma once

#include "tokenize/batch.hpp"
#include "tokenize/batch_encoder.hpp"
#include "tokenize/batch_reader.hpp"

#include <functional>
#include <vector>

namespace isoflop {

/// Reads all batches, encodes them with one thread for each encoder and hands them to `consume` in
/// the order they were read, on the calling thread. At most four batches per thread wait. What any
/// of the three throws is thrown here, once all batches before it are consumed.
void run_ordered_pipeline(BatchReader& reader, std::vector<BatchEncoder>& encoders,
                          const std::function<void(const EncodedBatch&)>& consume);

}  // namespace isoflop
