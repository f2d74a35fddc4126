#pragma once
#include "models/layouts.h"

namespace pgan::models {

/// One network of a StarGAN as the modules of yunjey/stargan (model.py) load it strictly; they
/// compute the same in training mode, which they never leave.
///
/// Names are the same. The generator's instance norms also keep running statistics there, which
/// training mode never reads: mean 0, variance 1, no batch counted. Metadata: format "stargan",
/// network G or D, resolution, images, and attributes joined by commas in the order of the label
/// vector; of several data sets all, without the mask.
ForeignFile to_stargan(const ExportedNetworks& networks);

/// The reverse, of a file of python/pgan_torch/convert_stargan.py: tensors "G.main.0.weight" and
/// "D.main.0.weight", or those of one network without the letter, as to_stargan() writes them;
/// metadata attributes and resolution. Widths, blocks and layers come from the shapes, all of which
/// are checked. Running statistics are dropped; without D the architecture has its published sizes.
ExportedNetworks from_stargan(const ForeignFile& file);

}  // namespace pgan::models
