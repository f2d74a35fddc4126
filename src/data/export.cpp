#include "data/export.h"

#include <algorithm>
#include <cctype>
#include <cstdio>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "data/encode.h"
#include "data/new_folder.h"
#include "data/ordered_parallel.h"
#include "data/output_file.h"

namespace pgan::data {

void ExportOptions::visit(OptionVisitor& visitor) {
  visitor.group("Export");
  visitor.field("resolution", resolution, "level to write, in pixels; 0: the largest");
  visitor.field("count", count, "records to write, of each domain from the first; 0: all");
  visitor.field("threads", threads, "threads that encode; 0: one a processor");
}

void ExportOptions::validate() const {
  if (count < 0) throw ConfigError("--count: expected 0 or more, found " + std::to_string(count));
  if (threads < 0 || threads > 1024) {
    throw ConfigError("--threads: expected 0 to 1024, found " + std::to_string(threads));
  }
}

namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;

constexpr const char* kCaptionHeads = "image,caption\n";

std::string csv_field(const std::string& text) {
  if (text.find_first_of(",\"\r\n") == std::string::npos) return text;
  std::string out(1, '"');
  for (const char c : text) {
    if (c == '"') out.push_back(c);
    out.push_back(c);
  }
  out.push_back('"');
  return out;
}

const PackPart& part_of(const PackInfo& info, std::int64_t record) {
  return *std::ranges::find_if(info.parts, [&](const PackPart& part) {
    return record < part.records.first + part.records.count;
  });
}

/// The first `count` records of each domain, or all; of pairs those of the first domain.
std::vector<std::int64_t> chosen_records(const PackInfo& info, std::int64_t count) {
  std::vector<std::int64_t> out;
  const auto domains = std::max<std::int64_t>(1, std::ssize(info.domains));
  for (std::int64_t domain = 0; domain < (info.paired ? 1 : domains); ++domain) {
    const RecordRange all = info.range_of_domain(domain);
    const std::int64_t wanted = count > 0 ? std::min(count, all.count) : all.count;
    for (std::int64_t i = 0; i < wanted; ++i) out.push_back(all.first + i);
  }
  return out;
}

/// The pictures of a pair in one, [3,R,domains*R].
torch::Tensor side_by_side(const Pack& pack, std::int64_t record, std::int64_t side) {
  std::vector<torch::Tensor> pictures;
  const std::int64_t number = record - pack.info().range_of_domain(0).first;
  for (std::int64_t domain = 0; domain < std::ssize(pack.info().domains); ++domain) {
    pictures.push_back(pack.image(pack.info().range_of_domain(domain).first + number, side));
  }
  return torch::cat(pictures, 2);
}

/// "images", "trainA" and the like, or of pairs "train".
std::string folder_of(const PackInfo& info, const PackPart& part) {
  if (info.domains.empty()) return "images";
  if (info.paired) return part.split == Split::validation ? "val" : split_name(part.split);
  std::string domain = info.domains[static_cast<std::size_t>(part.domain)];
  domain[0] = static_cast<char>(std::toupper(static_cast<unsigned char>(domain[0])));
  std::string split = split_name(part.split);
  if (part.split == Split::validation) split = "val";
  return split.append(domain);
}

void add_row(std::string& table, const std::vector<std::string>& fields) {
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) table.push_back(',');
    table.append(fields[i]);
  }
  table.push_back('\n');
}

/// The tables that grow with the records.
struct Tables {
  std::string labels, captions = kCaptionHeads, names;

  void add(const Pack& pack, std::int64_t record, const std::string& file) {
    const PackInfo& info = pack.info();
    const Json json = Json::parse(pack.record_json(record), nullptr, false);
    const std::string field = csv_field(file);
    if (json.is_object()) {
      const nlohmann::ordered_json name = {{"file", file}, {"name", json.value("file", "")}};
      names += name.dump(-1, ' ', false, Json::error_handler_t::replace);
      names.push_back('\n');
      for (const Json& caption : json.value("captions", Json::array())) {
        if (caption.is_string()) add_row(captions, {field, csv_field(caption)});
      }
    }
    std::vector<std::string> row_text = {field, split_name(part_of(info, record).split)};
    const std::int64_t width = std::ssize(info.label_names);
    const float* row = pack.labels().const_data_ptr<float>() + record * width;
    for (std::int64_t i = 0; i < width; ++i) {
      char text[32];
      std::snprintf(text, sizeof text, "%.9g", static_cast<double>(row[i]));
      row_text.emplace_back(text);
    }
    add_row(labels, row_text);
  }
};

}  // namespace

std::int64_t export_pack(const Pack& pack, const fs::path& out, const ExportOptions& options,
                         const std::function<void(std::int64_t, std::int64_t)>& report) {
  options.validate();
  const PackInfo& info = pack.info();
  const std::int64_t side = options.resolution != 0 ? options.resolution : info.largest();
  pack.require_level(side);
  const bool as_stored =
      !info.paired &&
      std::ranges::find(info.levels, side, &PackLevel::resolution)->encoding == Encoding::jpg;
  const std::vector<std::int64_t> records = chosen_records(info, options.count);
  const std::int64_t total = std::ssize(records);
  NewFolder folder(out, false, NewFolder::Unfinished::removed);
  folder.require_space(total * 2 * side * side);
  for (const PackPart& part : info.parts) {
    fs::create_directories(folder.path() / folder_of(info, part));
  }
  Tables tables;
  std::vector<std::string> heads = {"file", "split"};
  for (const std::string& name : info.label_names) heads.push_back(csv_field(name));
  add_row(tables.labels, heads);
  std::int64_t done = 0;
  const auto make = [&](std::int64_t i) {
    const std::int64_t record = records[static_cast<std::size_t>(i)];
    if (info.paired) return encode_png(side_by_side(pack, record, side));
    if (!as_stored) return encode_png(pack.image(record, side));
    const auto bytes = pack.picture_file(record, side);
    return std::vector<std::uint8_t>(bytes.begin(), bytes.end());
  };
  const auto consume = [&](std::int64_t i, std::vector<std::uint8_t>&& bytes) {
    const std::int64_t record = records[static_cast<std::size_t>(i)];
    const std::string file = folder_of(info, part_of(info, record)) + "/" + record_key(record) +
                             (as_stored ? ".jpg" : ".png");
    replace_file(folder.path() / file, bytes);
    tables.add(pack, record, file);
    ++done;
  };
  ordered_parallel(total, thread_count(options.threads), make, consume,
                   [&] { report(done, total); });
  replace_file(folder.path() / "names.jsonl", bytes_of(tables.names));
  const bool captioned = tables.captions != kCaptionHeads;
  if (captioned) replace_file(folder.path() / "captions.csv", bytes_of(tables.captions));
  if (!info.label_names.empty() || (!captioned && info.domains.empty())) {
    replace_file(folder.path() / "labels.csv", bytes_of(tables.labels));
  }
  folder.commit();
  return total;
}

}  // namespace pgan::data
