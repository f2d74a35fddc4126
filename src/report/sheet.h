#pragma once
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <torch/types.h>

namespace pgan::report {

/// Columns of a sheet of `count` images: near square, wider than high, without empty cells where a
/// layout close to that has none (32 -> 8, 16 -> 4, 10 -> 5, 7 -> 3). count >= 1.
std::int64_t columns_for(std::int64_t count);

/// Texts are white on black; what is not ASCII is shown as '?'. They are broken into lines and
/// shortened with ".." so that they stay above or beside what they name.
struct GridOptions {
  std::int64_t columns = 0;  ///< 0: columns_for()
  std::int64_t min_cell_pixels =
      32;                       ///< smaller images are enlarged by a whole factor to this side
  std::int64_t gap_pixels = 2;  ///< black, between cells and around them
  std::vector<std::string> headings{};  ///< above the columns, from the left; then a cell's side is
                                        ///< at least 64, so that a name can be read
  std::vector<std::string> row_titles{};  ///< left of the rows, from the top
  std::string title{};                    ///< one line above everything
};

/// Lays images out row by row. images: float [N,3,H,W], N >= 1, RGB, [-1,1], any device; values
/// outside are clamped, NaN is shown as mid-grey. Enlarged by repeating pixels. Returns uint8
/// [h,w,3] on the CPU; texts only add to it above and on the left. std::invalid_argument for
/// another shape, or more headings than columns or row titles than rows.
torch::Tensor make_grid(const torch::Tensor& images, const GridOptions& options = {});

/// picture: uint8 [H,W,3], RGB, on the CPU. Returns a PNG file's bytes. Throws DataError when it
/// cannot be encoded, std::invalid_argument for another shape.
std::vector<std::uint8_t> encode_png(const torch::Tensor& picture);

/// encode_png into a file, atomically: a full disk leaves no torn file. Throws ConfigError or
/// DataError as files.h says.
void write_png(const std::filesystem::path& file, const torch::Tensor& picture);

}  // namespace pgan::report
