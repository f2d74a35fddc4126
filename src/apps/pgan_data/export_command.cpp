#include <iostream>

#include "apps/pgan_data/commands.h"
#include "apps/pgan_data/interrupt.h"
#include "apps/pgan_data/progress_line.h"
#include "data/export.h"

namespace pgan::apps {

ExitCode export_command(const Arguments& arguments) {
  std::string folder, out;
  data::ExportOptions options;
  const auto visit = [&](OptionVisitor& visitor) {
    options.visit(visitor);
    visitor.field("pack", folder, "the pack's folder");
    visitor.field("out", out, "folder to make");
  };
  if (!parse_command(arguments, "pgan-data export DIR --out DIR [options]", visit, {"pack"}))
    return ExitCode::ok;
  require_option("the pack's folder", folder, "pgan-data export celeba-pack --out celeba-files");
  require_option("--out", out, "pgan-data export celeba-pack --out celeba-files");
  const auto pack = data::Pack::open(folder);
  std::int64_t written = 0;
  {
    ProgressLine line("exporting", "pictures");
    written = data::export_pack(*pack, out, options, [&](std::int64_t done, std::int64_t total) {
      check_interrupt();
      line.update(done, total);
    });
  }
  std::cout << out << ": " << written << " pictures and what is known of them\n";
  return ExitCode::ok;
}

}  // namespace pgan::apps
