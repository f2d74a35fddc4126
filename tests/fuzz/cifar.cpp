#include "data/layouts.h"
#include "fuzz/scratch.h"
#include "fuzz/targets.h"

namespace pgan::fuzz {

/// The first byte says whether the rest is a batch of CIFAR-10, of CIFAR-100, or the names.
void read_cifar(Bytes input) {
  if (input.empty()) return;
  static const Scratch ten, hundred;
  const Scratch& folder = input[0] % 3 == 1 ? hundred : ten;
  const Bytes rest = input.subspan(1);
  static const std::string zeros(2 * 3073, '\0');
  if (input[0] % 3 == 1) {
    folder.put("fine_label_names.txt", "apple\nbear\n");
    folder.put("train.bin", rest);
  } else if (input[0] % 3 == 0) {
    folder.put("batches.meta.txt", "a\nb\nc\nd\ne\nf\ng\nh\ni\nj\n");
    folder.put("data_batch_1.bin", zeros);
    folder.put("data_batch_2.bin", rest);
  } else {
    folder.put("batches.meta.txt", rest);
    folder.put("data_batch_2.bin", zeros);
  }
  require(data::recognises_cifar(folder.path()), "a folder with batches is recognised");
  const data::Listing listing = data::list_cifar(folder.path());
  for (const data::Source& source : listing.sources) {
    require(source.labels.size() == listing.label_names.size(), "one value a label");
    const torch::Tensor picture = listing.pictures->read(source, {});
    require(picture.sizes() == torch::IntArrayRef({32, 32, 3}), "pictures of 32x32");
  }
}

}  // namespace pgan::fuzz
