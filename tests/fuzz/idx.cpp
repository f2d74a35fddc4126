#include "data/idx_file.h"

#include <numeric>

#include "data/layouts.h"
#include "fuzz/scratch.h"
#include "fuzz/targets.h"

namespace pgan::fuzz {

/// The first byte says whether the rest is a file of labels, of images, or images to be listed
/// beside fixed labels. Compressed or not is for the rest to tell.
void read_idx(Bytes input) {
  if (input.empty()) return;
  static const Scratch folder;
  const Bytes rest = input.subspan(1);
  if (input[0] % 3 == 2) {
    static const Scratch set;
    set.put("t10k-labels-idx1-ubyte", std::string("\0\0\x08\x01\0\0\0\2\3\4", 10));
    set.put("t10k-images-idx3-ubyte", rest);
    const data::Listing listing = data::list_mnist(set.path());
    for (const data::Source& source : listing.sources) {
      require(listing.pictures->read(source, {}).size(2) == 3, "pictures of three channels");
    }
    return;
  }
  const data::IdxFile file(folder.put("file", rest), input[0] % 3 == 0 ? 1 : 3);
  require(file.count() >= 0 && file.count() <= file.declared(), "no more items than declared");
  std::uint64_t sum = 0;
  for (std::int64_t i = 0; i < file.count(); ++i) {
    const Bytes item = file.item(i);
    require(std::ssize(item) == file.height() * file.width(), "whole items");
    sum = std::accumulate(item.begin(), item.end(), sum);
  }
  require(sum <= 255 * (rest.size() + 1) * 1040, "deflate's bound");
}

}  // namespace pgan::fuzz
