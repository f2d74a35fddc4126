#include "checkpoint/safetensors.h"

#include "checkpoint/weights.h"
#include "fuzz/scratch.h"
#include "fuzz/targets.h"

namespace pgan::fuzz {

/// The first byte says whether the rest is read tensor by tensor, or as exported weights.
void read_safetensors(Bytes input) {
  if (input.empty()) return;
  static const Scratch folder;
  const auto file = folder.put("file.safetensors", input.subspan(1));
  if (input[0] % 2 == 1) {
    require(checkpoint::read_weights(file).images >= 0, "the clock is not negative");
    return;
  }
  checkpoint::Metadata metadata;
  const TensorMap tensors = checkpoint::read_safetensors(file, &metadata);
  std::size_t bytes = 0;
  for (const auto& [name, tensor] : tensors) bytes += tensor.nbytes();
  require(bytes < input.size(), "no more data than the file holds");
  checkpoint::write_safetensors(folder.path() / "again", tensors, metadata);
  require(checkpoint::read_safetensors(folder.path() / "again").size() == tensors.size(),
          "what was read can be written");
}

}  // namespace pgan::fuzz
