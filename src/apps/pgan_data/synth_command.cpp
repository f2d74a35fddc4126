#include <iostream>

#include "apps/pgan_data/commands.h"
#include "apps/pgan_data/interrupt.h"
#include "apps/pgan_data/progress_line.h"
#include "data/synth.h"

namespace pgan::apps {

ExitCode synth_command(const Arguments& arguments) {
  data::SynthOptions options;
  std::string out;
  const auto visit = [&](OptionVisitor& visitor) {
    options.visit(visitor);
    visitor.field("out", out, "folder to make, in CelebA's layout");
  };
  if (!parse_command(arguments, "pgan-data synth --out DIR [options]", visit, {"out"}))
    return ExitCode::ok;
  require_option("--out", out, "pgan-data synth --out faces --count 1000 --size 64");
  {
    ProgressLine line("drawing", "faces");
    data::write_synth(out, options, [&](std::int64_t done, std::int64_t total) {
      check_interrupt();
      line.update(done, total);
    });
  }
  std::cout << out << ": " << options.count << " faces of " << options.size << "x" << options.size
            << ", seed " << options.seed << ", " << data::kSynthAttributes.size()
            << " attributes; next: pgan-data pack --from " << out << " --out PACK\n";
  return ExitCode::ok;
}

}  // namespace pgan::apps
