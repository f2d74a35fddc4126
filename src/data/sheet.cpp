#include "data/sheet.h"

#include <algorithm>
#include <string>

#include "core/error.h"
#include "data/encode.h"

namespace pgan::data {
namespace {

constexpr std::int64_t kGap = 4, kLine = 13, kTextHeight = 8;
/// Pixels that a capital of this text height takes on average.
constexpr std::int64_t kLetter = 8;

/// Names of the labels that are set, broken into lines of at most `letters`.
std::vector<std::string> label_lines(const Pack& pack, std::int64_t record, std::int64_t letters) {
  const std::vector<std::string>& names = pack.info().label_names;
  const auto count = static_cast<std::int64_t>(names.size());
  const float* row = pack.labels().const_data_ptr<float>() + record * count;
  std::vector<std::string> lines;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (row[i] <= 0) continue;
    const std::string name = names[i].substr(0, static_cast<std::size_t>(letters));
    const bool fits = !lines.empty() &&
                      static_cast<std::int64_t>(lines.back().size() + 1 + name.size()) <= letters;
    if (fits) {
      lines.back() += " " + name;
    } else {
      lines.push_back(name);
    }
  }
  return lines;
}

}  // namespace

void SheetOptions::visit(OptionVisitor& visitor) {
  visitor.group("Sheet");
  visitor.field("count", count, "pictures to show");
  visitor.field("columns", columns, "pictures a row");
  visitor.field("first", first, "record of the first picture");
  visitor.field("resolution", resolution, "level to show, in pixels; 0: the largest");
  visitor.field("labels", labels, "write the labels that are set below each picture");
}

void SheetOptions::validate() const {
  if (count < 1 || count > 4096)
    throw ConfigError("--count: expected 1 to 4096, found " + std::to_string(count));
  if (columns < 1 || columns > 256)
    throw ConfigError("--columns: expected 1 to 256, found " + std::to_string(columns));
  if (first < 0) throw ConfigError("--first: expected 0 or more, found " + std::to_string(first));
}

torch::Tensor contact_sheet(const Pack& pack, const SheetOptions& options) {
  options.validate();
  const std::int64_t side = options.resolution != 0 ? options.resolution : pack.info().largest();
  pack.require_level(side);
  if (options.first >= pack.info().count) {
    throw DataError(pack.folder().string() + ": no record " + std::to_string(options.first) +
                    " of " + std::to_string(pack.info().count));
  }
  const std::int64_t count = std::min(options.count, pack.info().count - options.first);
  const bool labelled = options.labels && !pack.info().label_names.empty();
  const std::int64_t factor = std::max<std::int64_t>(1, (labelled ? 160 : 64) / side);
  const std::int64_t shown = side * factor, letters = std::max<std::int64_t>(4, shown / kLetter);
  std::vector<std::vector<std::string>> texts(static_cast<std::size_t>(count));
  std::size_t lines = 0;
  for (std::int64_t i = 0; labelled && i < count; ++i) {
    auto& text = texts[static_cast<std::size_t>(i)];
    text = label_lines(pack, options.first + i, letters);
    lines = std::max(lines, text.size());
  }
  const std::int64_t columns = std::min(options.columns, count),
                     rows = (count + columns - 1) / columns;
  const std::int64_t cell = shown + kGap,
                     height = cell + static_cast<std::int64_t>(lines) * kLine + (lines > 0 ? 2 : 0);
  torch::Tensor sheet =
      torch::full({3, rows * height + kGap, columns * cell + kGap}, 255, torch::kUInt8);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t x = kGap + i % columns * cell, y = kGap + i / columns * height;
    const torch::Tensor image = pack.image(options.first + i, side)
                                    .repeat_interleave(factor, 1)
                                    .repeat_interleave(factor, 2);
    sheet.narrow(1, y, shown).narrow(2, x, shown).copy_(image);
    const auto& text = texts[static_cast<std::size_t>(i)];
    for (std::size_t line = 0; line < text.size(); ++line) {
      torch::Tensor box =
          sheet.narrow(1, y + shown + 1 + static_cast<std::int64_t>(line) * kLine, kLine)
              .narrow(2, x, shown);
      draw_text(box, text[line], 0, static_cast<int>(kLine) - 3, static_cast<int>(kTextHeight), 20);
    }
  }
  return sheet;
}

}  // namespace pgan::data
