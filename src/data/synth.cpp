#include "data/synth.h"

#include <cstdio>

#include "core/error.h"
#include "core/noise.h"
#include "data/encode.h"
#include "data/new_folder.h"
#include "data/ordered_parallel.h"
#include "data/output_file.h"

namespace pgan::data {
namespace {

std::string picture_name(std::int64_t index) {
  char name[32];
  std::snprintf(name, sizeof name, "%06lld.png", static_cast<long long>(index + 1));
  return name;
}

void write_bytes(const std::filesystem::path& file, std::span<const std::uint8_t> bytes) {
  OutputFile out(file);
  out.write(bytes);
  out.finish();
}

struct Drawn {
  std::vector<std::uint8_t> png;
  std::array<bool, kSynthAttributes.size()> labels;
};

Drawn draw_encoded(const SynthOptions& options, std::int64_t index) {
  const SynthFace face = draw_face(static_cast<std::uint64_t>(options.seed), index, options.size);
  return {encode_png(face.image), face.labels};
}

}  // namespace

void SynthOptions::visit(OptionVisitor& visitor) {
  visitor.group("Faces");
  visitor.field("count", count, "faces to draw");
  visitor.field("size", size, "pixels a side, 4 to 1024");
  visitor.field("seed", seed, "the same seed gives the same faces, at any size");
  visitor.field("threads", threads, "threads that draw; 0: one a processor");
}

void SynthOptions::validate() const {
  const auto check = [](const char* name, std::int64_t value, std::int64_t low, std::int64_t high) {
    if (value >= low && value <= high) return;
    throw ConfigError("--" + std::string(name) + ": expected " + std::to_string(low) + " to " +
                      std::to_string(high) + ", found " + std::to_string(value));
  };
  check("count", count, 1, 10'000'000);
  check("size", size, 4, 1024);
  check("threads", threads, 0, 1024);
}

void write_synth(const std::filesystem::path& out, const SynthOptions& options,
                 const std::function<void(std::int64_t, std::int64_t)>& report) {
  options.validate();
  NewFolder folder(out, false, NewFolder::Unfinished::removed);
  folder.require_space(options.count * (4096 + options.size * options.size));
  const std::filesystem::path images = folder.path() / "img_align_celeba";
  std::error_code error;
  std::filesystem::create_directory(images, error);
  if (error) throw DataError(images.string() + ": cannot be made: " + error.message());
  std::string attributes = std::to_string(options.count) + "\n", partition;
  for (const std::string_view name : kSynthAttributes) attributes += std::string(name) + " ";
  attributes += "\n";
  std::int64_t done = 0;
  const auto consume = [&](std::int64_t index, Drawn&& drawn) {
    const std::string name = picture_name(index);
    write_bytes(images / name, drawn.png);
    attributes += name;
    for (const bool set : drawn.labels) attributes += set ? "  1" : " -1";
    attributes += "\n";
    partition += name + (index % 10 < 8 ? " 0\n" : index % 10 == 8 ? " 1\n" : " 2\n");
    ++done;
  };
  ordered_parallel(
      options.count, thread_count(options.threads),
      [&](std::int64_t index) { return draw_encoded(options, index); }, consume,
      [&] { report(done, options.count); });
  write_bytes(folder.path() / "list_attr_celeba.txt",
              bytes_of(attributes.data(), attributes.size()));
  write_bytes(folder.path() / "list_eval_partition.txt",
              bytes_of(partition.data(), partition.size()));
  folder.commit();
}

}  // namespace pgan::data
