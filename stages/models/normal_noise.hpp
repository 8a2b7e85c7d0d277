// Numbers of a normal distribution, as torch.randn() draws them on a CPU after torch.manual_seed():
// a Mersenne Twister (Matsumoto, Nishimura 1998; the seed's lower 32 bits) and the Box-Muller
// transform.
//
//   16 or more   uniform numbers of 24 bits for all places, then in each 16 of them: the place i of
//                the first half is the radius, of the second half the angle of two numbers. The
//                last 16 are drawn anew if the length is no multiple of 16.
//   fewer        a pair of numbers in double, each of two draws
//
// So a sound that begins with noise is that of the reference with the same seed. A number differs
// from torch's by rounding alone (some 1e-7). Source: aten/src/ATen/native/cpu/
// DistributionTemplates.h and ATen/core/DistributionsHelper.h of PyTorch 2.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace limelight::stages {

std::vector<float> normal_noise(std::uint64_t seed, std::size_t count);

}  // namespace limelight::stages
