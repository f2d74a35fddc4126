#include <filesystem>
#include <iostream>

#include "apps/pgan_data/commands.h"
#include "apps/pgan_data/interrupt.h"
#include "apps/pgan_data/progress_line.h"
#include "core/error.h"
#include "data/encode.h"
#include "data/pack.h"
#include "data/sheet.h"
#include "data/verify.h"

namespace pgan::apps {
ExitCode verify_command(const Arguments& arguments) {
  std::string folder;
  std::int64_t threads = 0;
  const auto visit = [&](OptionVisitor& visitor) {
    visitor.group("Verify");
    visitor.field("pack", folder, "the pack's folder");
    visitor.field("threads", threads, "threads that read; 0: one a processor");
  };
  if (!parse_command(arguments, "pgan-data verify DIR", visit, {"pack"})) return ExitCode::ok;
  require_option("the pack's folder", folder, "pgan-data verify celeba-pack");
  if (threads < 0 || threads > 1024) {
    throw ConfigError("--threads: expected 0 to 1024, found " + std::to_string(threads));
  }
  std::vector<std::string> faults;
  {
    ProgressLine line("verifying", "shards");
    faults = data::verify_pack(folder, threads, [&](std::int64_t done, std::int64_t total) {
      check_interrupt();
      line.update(done, total);
    });
  }
  for (const std::string& fault : faults) std::cout << fault << "\n";
  if (!faults.empty()) {
    throw DataError(folder + ": " + std::to_string(faults.size()) +
                    " faults, listed above. Training puts other pictures in the place of single "
                    "damaged ones, but needs whole files of the right length: copy the pack again, "
                    "or pack again with --force");
  }
  const auto pack = data::Pack::open(folder);
  std::cout << folder << ": whole, " << pack->info().count << " pictures in "
            << pack->info().files().size() << " files\n";
  return ExitCode::ok;
}

ExitCode sheet_command(const Arguments& arguments) {
  std::string folder, out;
  data::SheetOptions options;
  const auto visit = [&](OptionVisitor& visitor) {
    options.visit(visitor);
    visitor.field("pack", folder, "the pack's folder");
    visitor.field("out", out, "PNG or JPEG file to write");
  };
  if (!parse_command(arguments, "pgan-data sheet DIR --out FILE.png [options]", visit, {"pack"}))
    return ExitCode::ok;
  require_option("the pack's folder", folder, "pgan-data sheet celeba-pack --out sheet.png");
  require_option("--out", out, "pgan-data sheet celeba-pack --out sheet.png");
  const std::string kind = std::filesystem::path(out).extension().string();
  if (kind != ".png" && kind != ".jpg" && kind != ".jpeg") {
    throw ConfigError("--out " + out + ": expected a name that ends in .png or .jpg");
  }
  const auto pack = data::Pack::open(folder);
  data::write_image(out, data::contact_sheet(*pack, options));
  std::cout << out << "\n";
  return ExitCode::ok;
}

}  // namespace pgan::apps
