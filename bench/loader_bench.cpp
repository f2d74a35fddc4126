// What the loader costs beside decoding: pictures a second of data::Loader from a pack, and of a
// decoder with nothing around it on the same files. Run by bench/data.sh.

#include <algorithm>
#include <chrono>
#include <cstdio>  // jpeglib.h needs it before it
#include <cstring>
#include <fstream>
#include <functional>
#include <iterator>
#include <memory>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <jpeglib.h>
#include <png.h>

#include "apps/cli.h"
#include "core/option_set.h"
#include "data/loader.h"
#include "processor_time.h"

namespace pgan::apps {
namespace {

using Clock = std::chrono::steady_clock;

struct BenchOptions {
  std::string pack;
  std::int64_t resolution = 64, minibatch = 16, step_us = 0, rounds = 3;
  double seconds = 2, alpha = 1;
  data::LoaderOptions loader{.threads = 1};

  void visit(OptionVisitor& visitor) {
    visitor.group("Benchmark");
    visitor.field("data", pack, "the pack");
    visitor.field("resolution", resolution, "pixels a side");
    visitor.field("minibatch", minibatch, "pictures of a batch");
    visitor.field("alpha", alpha, "weight of the resolution's own picture; 1: no fading");
    visitor.field("seconds", seconds, "seconds of each measurement, after half as much to warm up");
    visitor.field("rounds", rounds, "loader and bare decoder are measured in turn so often");
    visitor.field("step-us", step_us, "microseconds that the step after each batch sleeps");
    loader.visit(visitor);
  }
  void validate() const {
    if (pack.empty()) throw ConfigError("--data: expected a pack");
    if (minibatch < 1 || rounds < 1 || step_us < 0) {
      throw ConfigError("--minibatch, --rounds: expected 1 or more, --step-us 0 or more");
    }
    if (!(seconds > 0 && seconds <= 600)) throw ConfigError("--seconds: expected up to 600");
    if (!(alpha >= 0 && alpha <= 1)) throw ConfigError("--alpha: expected 0 to 1");
    loader.validate();
  }
};

double seconds_since(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// MiB of memory that belong to this process alone; the maps of a pack do not.
double anonymous_mib() {
  std::ifstream status("/proc/self/status");
  const std::string field = "RssAnon:";
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(field)) return std::stod(line.substr(field.size())) / 1024;
  }
  throw Error(ExitCode::internal, "/proc/self/status has no RssAnon");
}

/// Decodes into the same memory each time.
using BareDecoder = std::function<void(std::span<const std::uint8_t> file)>;

BareDecoder bare_jpeg(std::int64_t stored, std::int64_t resolution) {
  const auto row = static_cast<std::size_t>(3 * resolution);
  return [=, pixels = std::vector<std::uint8_t>(row * static_cast<std::size_t>(resolution))](
             std::span<const std::uint8_t> file) mutable {
    jpeg_decompress_struct info{};
    jpeg_error_mgr errors{};
    info.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&info);
    jpeg_mem_src(&info, file.data(), static_cast<unsigned long>(file.size()));
    jpeg_read_header(&info, TRUE);
    info.out_color_space = JCS_RGB;
    info.do_block_smoothing = FALSE;
    info.scale_num = static_cast<unsigned>(resolution);
    info.scale_denom = static_cast<unsigned>(stored);
    jpeg_start_decompress(&info);
    while (info.output_scanline < info.output_height) {
      JSAMPROW rows[16];
      for (std::size_t i = 0; i < std::size(rows); ++i) {
        const std::size_t y =
            std::min(info.output_scanline + i, std::size_t{info.output_height} - 1);
        rows[i] = pixels.data() + y * row;
      }
      jpeg_read_scanlines(&info, rows, std::size(rows));
    }
    jpeg_finish_decompress(&info);
    jpeg_destroy_decompress(&info);
  };
}

BareDecoder bare_png(std::int64_t resolution) {
  return
      [pixels = std::vector<std::uint8_t>(static_cast<std::size_t>(3 * resolution * resolution))](
          std::span<const std::uint8_t> file) mutable {
        png_image image{};
        image.version = PNG_IMAGE_VERSION;
        png_image_begin_read_from_memory(&image, file.data(), file.size());
        image.format = PNG_FORMAT_RGB;
        if (PNG_IMAGE_SIZE(image) > pixels.size() ||
            png_image_finish_read(&image, nullptr, pixels.data(), 0, nullptr) == 0) {
          throw DataError("libpng cannot read a picture of the pack; pgan-data verify tells which");
        }
      };
}

BareDecoder bare_copy(std::int64_t resolution) {
  return
      [pixels = std::vector<std::uint8_t>(static_cast<std::size_t>(3 * resolution * resolution))](
          std::span<const std::uint8_t> file) mutable {
        if (file.size() < pixels.size()) throw DataError("a raw picture of the pack is too short");
        std::memcpy(pixels.data(), file.data() + file.size() - pixels.size(), pixels.size());
      };
}

struct Rate {
  double wall = 0;       // pictures a second
  double processor = 0;  // pictures a second of processor time
  double waited = 0;     // share of the time that next() waited
};

/// Repeats `step`, which returns the pictures it made, for so many seconds.
template <class Step>
Rate rate_of(double seconds, Step step) {
  const double used = processor_seconds();
  const auto begin = Clock::now();
  std::int64_t pictures = 0;
  while (seconds_since(begin) < seconds) pictures += step();
  const auto made = static_cast<double>(pictures);
  return {made / seconds_since(begin), made / (processor_seconds() - used)};
}

struct Measured {
  std::vector<Rate> loader, bare;
  double memory_mib = 0;
  std::int64_t depth = 0;
};

void measure_loader(const BenchOptions& options, const std::shared_ptr<const data::Pack>& pack,
                    Measured& measured) {
  const double before = anonymous_mib();
  data::StepPlan plan{.growth = {.resolution = options.resolution, .alpha = options.alpha},
                      .rows = {.rows = {}, .global = options.minibatch}};
  for (std::int64_t i = 0; i < options.minibatch; ++i) plan.rows.rows.push_back(i);
  data::Loader loader(
      pack, data::make_streams(pack->info(), 1, true), [&](const Progress&) { return plan; },
      options.loader, 1, true);
  const std::jthread watcher([&](const std::stop_token& ended) {
    while (!ended.stop_requested()) {
      measured.memory_mib = std::max(measured.memory_mib, anonymous_mib() - before);
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
  });
  const auto step = [&] {
    const Batch batch = loader.next();
    if (options.step_us > 0) {
      std::this_thread::sleep_for(std::chrono::microseconds(options.step_us));
    }
    return options.minibatch;
  };
  rate_of(options.seconds / 2, step);
  const double waited = loader.waited_seconds();
  const auto begin = Clock::now();
  Rate rate = rate_of(options.seconds, step);
  rate.waited = (loader.waited_seconds() - waited) / seconds_since(begin);
  measured.loader.push_back(rate);
  measured.depth = loader.depth();
}

void measure_bare(const BenchOptions& options, const data::Pack& pack, Measured& measured) {
  const data::PackInfo& info = pack.info();
  const auto level_of = [&](std::int64_t side) {
    return *std::ranges::find(info.levels, side, &data::PackLevel::resolution);
  };
  data::PackLevel level = level_of(options.resolution);
  if (level.encoding == data::Encoding::reduced) level = level_of(level.from);
  const BareDecoder decode =
      level.encoding == data::Encoding::jpg   ? bare_jpeg(level.resolution, options.resolution)
      : level.encoding == data::Encoding::png ? bare_png(options.resolution)
                                              : bare_copy(options.resolution);
  const data::Sampler sampler(info.count, 1);
  std::vector<std::span<const std::uint8_t>> files;
  for (std::int64_t i = 0; i < std::min<std::int64_t>(info.count, 1000); ++i) {
    files.push_back(pack.picture_file(sampler.at(i), level.resolution));
  }
  std::size_t next = 0;
  const auto step = [&] {
    decode(files[next]);
    next = next + 1 < files.size() ? next + 1 : 0;
    return 1;
  };
  rate_of(options.seconds / 2, step);
  measured.bare.push_back(rate_of(options.seconds, step));
}

double median(const std::vector<Rate>& rates, double Rate::*what) {
  std::vector<double> values;
  for (const Rate& rate : rates) values.push_back(rate.*what);
  std::ranges::sort(values);
  return values[values.size() / 2];
}

ExitCode bench_main(const Arguments& arguments) {
  BenchOptions options;
  const OptionSet set([&](OptionVisitor& visitor) { options.visit(visitor); });
  if (wants_help(arguments)) {
    std::fputs(set.help().c_str(), stdout);
    return ExitCode::ok;
  }
  set.assign(set.parse_command_line(arguments));
  options.validate();
  const auto pack = data::Pack::open(options.pack);
  pack->require_level(options.resolution);
  Measured measured;
  for (std::int64_t round = 0; round < options.rounds; ++round) {
    measure_loader(options, pack, measured);
    measure_bare(options, *pack, measured);
  }
  std::printf("loader %.1f %.1f\nbare %.1f %.1f\nwaited %.4f\nmemory_mib %.1f\ndepth %lld\n",
              median(measured.loader, &Rate::wall), median(measured.loader, &Rate::processor),
              median(measured.bare, &Rate::wall), median(measured.bare, &Rate::processor),
              median(measured.loader, &Rate::waited), measured.memory_mib,
              static_cast<long long>(measured.depth));
  return ExitCode::ok;
}

}  // namespace
}  // namespace pgan::apps

int main(int argc, char** argv) {
  return pgan::apps::run_serial("loader-bench", argc, argv, pgan::apps::bench_main);
}
