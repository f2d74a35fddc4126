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

/// Writes a picture (uint8 [3,H,W], RGB) as PNG, or JPEG where the name ends in .jpg; replaces the
/// file atomically. Throws DataError (no space, no permission).
void write_image(const std::filesystem::path& file, const torch::Tensor& image);

/// Draws one line of text into a picture (uint8 [3,H,W]), antialiased.
/// x, y: the text's lower left corner; height: of a capital letter, in pixels.
void draw_text(torch::Tensor& image, const std::string& text, int x, int y, int height,
               std::uint8_t grey);

}  // namespace pgan::data
