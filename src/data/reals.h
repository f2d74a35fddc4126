#pragma once
#include <cstdint>
#include <span>

#include "core/types.h"

namespace pgan::data {

/// One real picture as training wants it: pixels [R,R,3] uint8 -> out [3,R,R] float32 in [-1,1]
/// (x/127.5 - 1), mirrored left to right if asked, and while growth fades the blend
/// lerp(nearest_up(box_down(x)), x, alpha): reals lose detail as the networks do
/// (Karras et al. 2018, section 2 and appendix A). R = growth.resolution. What it writes is
/// seen by whoever learns of it by a lock.
void fill_real(std::span<const std::uint8_t> pixels, const Growth& growth, bool mirror, float* out);

}  // namespace pgan::data
