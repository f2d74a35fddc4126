#pragma once
#include <torch/types.h>

namespace pgan::train {

/// Factors of one update: m += (g - m) * first, v = v * beta2 + g^2 * second,
/// w -= rate * m / (sqrt(v) + epsilon).
struct AdamFactors {
  double first = 1, beta2 = 0, second = 1, epsilon = 0, rate = 0;
};

/// One update in one pass over the tensors, where they are float32 or float64 on the CPU and lie
/// densely; in as many threads as torch computes with, which the result does not depend on.
/// m: undefined with beta1 = 0, where m = g. The gradient may be ordered otherwise than the rest,
/// which have one order. Returns false, and changes nothing, for any other tensors.
bool adam_in_one_pass(torch::Tensor& w, const torch::Tensor& g, torch::Tensor& m, torch::Tensor& v,
                      const AdamFactors& factors);

}  // namespace pgan::train
