#include "data/layouts.h"
#include "data/zip_archive.h"
#include "fuzz/scratch.h"
#include "fuzz/targets.h"

namespace pgan::fuzz {

void read_zip(Bytes input) {
  static const Scratch folder;
  const auto file = folder.put("file.zip", input);
  if (!data::recognises_stylegan(file)) return;
  const data::Listing listing = data::list_stylegan(file);
  for (const data::Source& source : listing.sources) {
    require(source.key.find("..") == std::string::npos || source.key.find("../") != 0,
            "names stay in the archive");
    try {
      listing.pictures->read(source, {.max_pixels = 1 << 14});
    } catch (const DataError& error) {
      require_line(error.what());
    }
  }
  for (const std::string& warning : listing.warnings) require_line(warning);
}

}  // namespace pgan::fuzz
