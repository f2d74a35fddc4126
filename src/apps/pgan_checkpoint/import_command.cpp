#include <cstdio>
#include <set>

#include "apps/pgan_checkpoint/commands.h"
#include "checkpoint/safetensors.h"
#include "core/error.h"
#include "models/layouts.h"

namespace pgan::apps {
namespace {

std::string names_of(const models::ExportedNetworks& networks) {
  if (!networks.network.empty()) return networks.network;
  std::set<std::string_view> names;
  for (const auto& [name, tensor] : networks.tensors) names.insert(network_of(name));
  std::string text;
  for (const std::string_view name : names) text.append(text.empty() ? "" : " and ").append(name);
  return text;
}

}  // namespace

ExitCode import_command(const Arguments& arguments) {
  std::string file, out, layout;
  std::string layouts = "whose: ";
  for (const models::ForeignLayout& one : models::layouts()) {
    layouts.append(&one == models::layouts().data() ? "" : ", ").append(one.name);
    layouts.append(" (").append(one.summary).append(")");
  }
  const auto visit = [&](OptionVisitor& visitor) {
    visitor.field("file", file, "a safetensors file of another program's network");
    visitor.field("out", out, "safetensors file to write; an older one is replaced");
    visitor.field("layout", layout, layouts + "; default: what the file says, else gan-zoo");
  };
  if (!parse_command(arguments, "pgan-checkpoint import FILE --out FILE.safetensors [options]",
                     visit, {"file"})) {
    return ExitCode::ok;
  }
  const std::string example = "pgan-checkpoint import netG.safetensors --out g.safetensors";
  require_option("the file to import", file, example);
  require_option("--out", out, example);
  if (!layout.empty()) models::find_layout(layout);  // before any file is read
  require_place("--out", out);
  models::ForeignFile theirs;
  theirs.tensors = checkpoint::read_safetensors(file, &theirs.metadata);
  if (const auto told = theirs.metadata.find("format");
      layout.empty() && told != theirs.metadata.end() && told->second != "pt") {
    layout = told->second;
  }
  const models::ForeignLayout& foreign = models::find_layout(layout.empty() ? "gan-zoo" : layout);
  models::ExportedNetworks ours;
  try {
    ours = foreign.from(theirs);
  } catch (const DataError& error) {
    throw CheckpointError(file + ": " + error.what());
  }
  checkpoint::write_safetensors(out, ours.tensors,
                                {{"architecture", ours.architecture},
                                 {"images", std::to_string(ours.images)},
                                 {"network", ours.network}});
  const std::string names = names_of(ours);
  std::printf("%s: %zu tensors of %s, for pgan-train --init-from%s\n", out.c_str(),
              ours.tensors.size(), names.c_str(),
              names == "D" ? "" : " and pgan-sample --checkpoint");
  return ExitCode::ok;
}

}  // namespace pgan::apps
