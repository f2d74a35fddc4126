#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <torch/types.h>

namespace pgan::data {

/// PNG bytes of a picture: uint8 [3,H,W], RGB, on the CPU. The same picture gives the same bytes.
/// compression: zlib level 0 to 9. Throws DataError when it cannot be encoded.
std::vector<std::uint8_t> encode_png(const torch::Tensor& image, int compression = 4);

/// Baseline JPEG bytes of a picture: uint8 [3,H,W], RGB, on the CPU, at most 65,500 pixels a side.
/// The same picture gives the same bytes. quality: 1 to 100, libjpeg's; colours at full resolution
/// from 90 on, at half below. Throws DataError when it cannot be encoded.
std::vector<std::uint8_t> encode_jpeg(const torch::Tensor& image, int quality);

/// The image's pixels one after the other, for encoders: uint8 [3,H,W] -> [H,W,3]. Throws Error
/// (internal) for other tensors.
torch::Tensor to_interleaved(const torch::Tensor& image);

/// Writes a picture (uint8 [3,H,W], RGB) as PNG, or JPEG where the name ends in .jpg; replaces the
/// file atomically. Throws DataError (no space, no permission).
void write_image(const std::filesystem::path& file, const torch::Tensor& image);

/// Draws one line of text into a picture (uint8 [3,H,W]), antialiased.
/// x, y: the text's lower left corner; height: of a capital letter, in pixels.
void draw_text(torch::Tensor& image, const std::string& text, int x, int y, int height,
               std::uint8_t grey);

}  // namespace pgan::data
