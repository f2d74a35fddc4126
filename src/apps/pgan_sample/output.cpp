#include "apps/pgan_sample/output.h"

#include <cctype>
#include <set>
#include <string_view>
#include <system_error>

#include "core/file_error.h"
#include "report/sheet.h"

namespace pgan::apps {
namespace {

namespace fs = std::filesystem;

/// File systems take 255 bytes; the rest is for a number and the ending.
constexpr std::size_t kMostPictureBytes = 120, kMostColumnBytes = 100;

/// Letters of other alphabets stay. Runs of other characters become one '_'.
std::string safe(std::string_view text, std::size_t most) {
  std::string out;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    const bool good = byte >= 0x80 || std::isalnum(byte) != 0 || c == '.' || c == '-' || c == '_';
    if (good || !out.ends_with('_')) out += good ? c : '_';
  }
  if (out.size() > most) {
    while (most > 0 && (static_cast<unsigned char>(out[most]) & 0xC0) == 0x80) --most;
    out.resize(most);
  }
  const bool clear = !out.empty() && out[0] != '.' && out[0] != '-';  // not hidden, no option
  return clear ? out : std::string("_").append(out);
}

/// "Blond_Hair 0.25" -> "Blond_Hair-0.25"
std::string column_part(std::string heading) {
  for (char& c : heading) {
    if (c == ' ') c = '-';
  }
  return safe(heading, kMostColumnBytes);
}

std::string without_ending(const std::string& name) {
  const std::size_t dot = name.rfind('.');
  return dot == std::string::npos || dot == 0 ? name : name.substr(0, dot);
}

std::string folded(std::string name) {
  for (char& c : name) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return name;
}

}  // namespace

std::vector<std::string> file_names(const std::vector<std::string>& pictures,
                                    const std::vector<std::string>& columns) {
  std::vector<std::string> names;
  std::set<std::string> taken;
  for (const std::string& picture : pictures) {
    for (const std::string& column : columns) {
      const std::string base =
          safe(without_ending(picture), kMostPictureBytes) + "-" + column_part(column);
      std::string name = base;
      for (int i = 2; !taken.insert(folded(name)).second; ++i)
        name = base + "-" + std::to_string(i);
      names.push_back(name + ".png");
    }
  }
  return names;
}

void write_sheet(const fs::path& file, const std::vector<Column>& columns,
                 const std::vector<std::string>& names, const std::string& title) {
  report::GridOptions grid;
  grid.columns = std::ssize(columns);
  grid.row_titles = names;
  grid.title = title;
  std::vector<torch::Tensor> images;
  for (const Column& column : columns) {
    grid.headings.push_back(column.heading);
    images.push_back(column.images);
  }
  report::write_png(file, report::make_grid(torch::stack(images, 1).flatten(0, 1), grid));
}

std::size_t write_each(const fs::path& folder, const std::vector<Column>& columns,
                       const std::vector<std::string>& names) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw_file_error("cannot make the folder", folder, error.value());
  std::vector<std::string> headings;
  for (const Column& column : columns) headings.push_back(column.heading);
  const std::vector<std::string> files = file_names(names, headings);
  report::GridOptions plain;
  plain.min_cell_pixels = 1;
  plain.gap_pixels = 0;
  for (std::size_t i = 0; i < files.size(); ++i) {
    const auto row = static_cast<std::int64_t>(i / columns.size());
    const torch::Tensor image = columns[i % columns.size()].images.slice(0, row, row + 1);
    report::write_png(folder / files[i], report::make_grid(image, plain));
  }
  return files.size();
}

}  // namespace pgan::apps
