#include "data/picture_files.h"

#include <algorithm>
#include <array>
#include <cctype>

namespace pgan::data {
namespace {

class PictureFiles : public Pictures {
 public:
  explicit PictureFiles(std::filesystem::path root) : root_(std::move(root)) {}

  torch::Tensor read(const Source& source, const DecodeOptions& options) const override {
    return decode_file(root_ / source.key, options);
  }

 private:
  std::filesystem::path root_;
};

}  // namespace

std::shared_ptr<const Pictures> picture_files(std::filesystem::path root) {
  return std::make_shared<PictureFiles>(std::move(root));
}

bool is_picture_name(const std::filesystem::path& file) {
  static constexpr std::array<std::string_view, 9> kNames = {
      ".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".pgm", ".tif", ".tiff"};
  std::string extension = file.extension().string();
  std::transform(extension.begin(), extension.end(), extension.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return std::find(kNames.begin(), kNames.end(), extension) != kNames.end();
}

}  // namespace pgan::data
