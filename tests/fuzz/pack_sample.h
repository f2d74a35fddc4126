#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <torch/types.h>

namespace pgan::fuzz {

/// A smooth picture, uint8 [side,side,3], another for each seed.
torch::Tensor sample_picture(std::int64_t seed, std::int64_t side);

/// A pack of three pictures with labels: 4 raw, 8 PNG, 16 read from 32, which is JPEG. With many
/// levels the same picture is damaged in many ways.
void write_sample_pack(const std::filesystem::path& folder);

/// The files of a pack but dataset.json, in a fixed order.
std::vector<std::string> sample_files(const std::filesystem::path& folder);

}  // namespace pgan::fuzz
