#pragma once
#include <string>

#include "core/types.h"

namespace pgan::models {

/// A network of a Progressive GAN outside a run: its tensors by their names in the module
/// ("4.conv.weight"), and what Recipe::architecture() says, with "resolution" and "alpha" added.
struct NamedNetwork {
  bool generator = true;  ///< else the discriminator
  std::string architecture;
  TensorMap tensors;
};

/// To the names and conventions of pytorch_GAN_zoo (models/networks/progressive_conv_net.py), whose
/// GNet or DNet then loads them strictly and computes the same function.
///
/// There a layer is (W x + b) · sqrt(2 / fan_in), bias included, so a bias is divided by that
/// constant and a weight multiplied by gain / sqrt(2); the first layer has a bias a pixel; the
/// minibatch stddev divides by n - 1, which the weights of that channel make up for in groups of
/// four. Their alpha is 1 - ours. Throws ConfigError when the architecture is no Progressive GAN's.
TensorMap to_gan_zoo(const NamedNetwork& network);

/// The reverse. Takes names with or without "netG." / "netD." in front and with or without
/// ".module"; where such a prefix occurs, tensors without one are left out. Channels and latent
/// come from the shapes. The architecture says alpha 1: fully grown. Throws DataError naming the
/// tensor that is missing, left over, or of a shape that does not fit.
NamedNetwork from_gan_zoo(const TensorMap& tensors);

}  // namespace pgan::models
