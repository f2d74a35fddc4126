#include <iostream>

#include "apps/pgan_data/commands.h"
#include "apps/pgan_data/interrupt.h"
#include "apps/pgan_data/progress_line.h"
#include "data/importer.h"
#include "data/pack_writer.h"

namespace pgan::apps {
namespace {

void print_report(const data::PackReport& report, const std::string& out) {
  std::cout << out << ": " << report.written << " pictures at 4 to " << report.resolution
            << " pixels, crop " << report.crop << ", " << (report.bytes >> 20) << " MiB\n";
  if (report.bad > 0) std::cout << report.bad << " bad pictures were skipped (listed above)\n";
  if (report.upscaled > 0) {
    std::cout << "warning: " << report.upscaled << " pictures are smaller than "
              << report.resolution
              << " pixels and were enlarged; a smaller --resolution avoids that\n";
  }
}

}  // namespace

ExitCode pack_command(const Arguments& arguments) {
  data::PackOptions options;
  std::string from, out;
  const auto visit = [&](OptionVisitor& visitor) {
    options.visit(visitor);
    visitor.field("from", from, "folder of pictures, or one folder a class, or CelebA's layout");
    visitor.field("out", out, "folder to make: the pack");
  };
  if (!parse_command(arguments, "pgan-data pack --from DIR --out DIR [options]", visit))
    return ExitCode::ok;
  require_option("--from", from, "pgan-data pack --from celeba --out celeba-pack");
  require_option("--out", out, "pgan-data pack --from celeba --out celeba-pack");
  options.validate();
  data::Listing listing = data::list_sources(from);
  std::cout << from << ": layout " << listing.layout << ", " << listing.sources.size()
            << " pictures, " << listing.label_names.size() << " labels" << std::endl;
  for (const std::string& warning : listing.warnings) std::cerr << "warning: " << warning << "\n";
  data::PackReport report;
  {
    ProgressLine line("packing", "pictures");
    report = data::write_pack(
        listing, out, options,
        [&](std::int64_t done, std::int64_t total) {
          check_interrupt();
          line.update(done, total);
        },
        [&](const std::string& bad) { line.message("skipped: " + bad); });
  }
  print_report(report, out);
  return ExitCode::ok;
}

}  // namespace pgan::apps
