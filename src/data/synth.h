#pragma once
#include <array>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <string_view>
#include <vector>

#include <torch/types.h>

#include "core/options.h"

namespace pgan::data {

/// Attributes of the drawn faces, in CelebA's order; each shows in the picture.
inline constexpr std::array<std::string_view, 12> kSynthAttributes = {
    "Bangs", "Black_Hair", "Blond_Hair", "Brown_Hair", "Eyeglasses",       "Gray_Hair",
    "Male",  "No_Beard",   "Pale_Skin",  "Smiling",    "Wearing_Lipstick", "Young"};

struct SynthOptions {
  std::int64_t count = 1000;
  std::int64_t size = 64;  ///< pixels a side, 4 to 1024
  std::int64_t seed = 1;
  std::int64_t threads = 0;  ///< 0: one a processor
  void visit(OptionVisitor& visitor);
  void validate() const;  ///< throws ConfigError
};

/// The face of (seed, index): pixels uint8 [3,size,size], RGB, the same scene at every size;
/// labels: 1 or 0 for each of kSynthAttributes. Pure.
struct SynthFace {
  torch::Tensor image;
  std::array<bool, kSynthAttributes.size()> labels;
};
SynthFace draw_face(std::uint64_t seed, std::int64_t index, std::int64_t size);

/// Writes faces as a CelebA layout (img_align_celeba/000001.png, list_attr_celeba.txt,
/// list_eval_partition.txt: 8 of 10 train, 1 validation, 1 test). Throws as write_pack().
void write_synth(const std::filesystem::path& out, const SynthOptions& options,
                 const std::function<void(std::int64_t, std::int64_t)>& report);

}  // namespace pgan::data
