#include <cstdio>

#include "apps/pgan_checkpoint/commands.h"
#include "checkpoint/safetensors.h"
#include "core/error.h"
#include "models/gan_zoo.h"

namespace pgan::apps {

ExitCode import_command(const Arguments& arguments) {
  std::string file, out, layout = "gan-zoo";
  const auto visit = [&](OptionVisitor& visitor) {
    visitor.field("file", file, "a safetensors file of another program's network");
    visitor.field("out", out, "safetensors file to write; an older one is replaced");
    visitor.field("layout", layout, "whose: gan-zoo (pytorch_GAN_zoo's progressive networks)");
  };
  if (!parse_command(arguments, "pgan-checkpoint import FILE --out FILE.safetensors [options]",
                     visit, {"file"})) {
    return ExitCode::ok;
  }
  const std::string example = "pgan-checkpoint import netG.safetensors --out g.safetensors";
  require_option("the file to import", file, example);
  require_option("--out", out, example);
  if (layout != "gan-zoo") throw ConfigError("--layout " + layout + ": expected gan-zoo");
  require_place(out);
  models::NamedNetwork network;
  try {
    network = models::from_gan_zoo(checkpoint::read_safetensors(file));
  } catch (const DataError& error) {
    throw CheckpointError(file + ": " + error.what());
  }
  const std::string name = network.generator ? "G_ema" : "D";
  checkpoint::write_safetensors(
      out, network.tensors,
      {{"architecture", network.architecture}, {"images", "0"}, {"network", name}});
  std::printf("%s: %zu tensors of %s, for pgan-train --init-from%s\n", out.c_str(),
              network.tensors.size(), name.c_str(),
              network.generator ? " and pgan-sample --checkpoint" : "");
  return ExitCode::ok;
}

}  // namespace pgan::apps
