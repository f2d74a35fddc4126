#include "data/sheet.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <sstream>
#include <string>

#include <nlohmann/json.hpp>

#include "core/error.h"
#include "data/encode.h"
#include "data/statistics.h"

namespace pgan::data {
namespace {

constexpr std::int64_t kGap = 4, kLine = 13, kTextHeight = 8;
/// Pixels that a capital of this text height takes on average.
constexpr std::int64_t kLetter = 8;
constexpr std::uint8_t kDamagedGrey = 200;

/// Words broken into lines of at most `letters`.
std::vector<std::string> wrap(const std::vector<std::string>& words, std::size_t letters) {
  std::vector<std::string> lines;
  for (const std::string& whole : words) {
    const std::string word = whole.substr(0, letters);
    const bool fits = !lines.empty() && lines.back().size() + 1 + word.size() <= letters;
    if (fits) {
      lines.back() += " " + word;
    } else {
      lines.push_back(word);
    }
  }
  return lines;
}

std::vector<std::string> caption_words(const Pack& pack, std::int64_t record) {
  const auto json = nlohmann::json::parse(pack.record_json(record), nullptr, false);
  if (!json.is_object() || !json.contains("captions")) return {};
  const auto& captions = json["captions"];
  if (!captions.is_array() || captions.empty() || !captions[0].is_string()) return {};
  std::istringstream text(captions[0].get<std::string>());
  return {std::istream_iterator<std::string>(text), {}};
}

/// What is said below each picture.
class Texts {
 public:
  Texts(const Pack& pack, std::size_t letters) : pack_(pack), letters_(letters) {
    for (const LabelStatistics& label : label_statistics(pack)) binary_.push_back(label.binary);
  }

  std::vector<std::string> of(std::int64_t record) const {
    std::vector<std::string> words;
    const std::vector<std::string>& names = pack_.info().label_names;
    const float* row =
        pack_.labels().const_data_ptr<float>() + record * static_cast<std::int64_t>(names.size());
    for (std::size_t i = 0; i < names.size(); ++i) {
      if (!binary_[i]) {
        char value[32];
        std::snprintf(value, sizeof value, "=%g", static_cast<double>(row[i]));
        words.push_back(names[i] + value);
      } else if (row[i] > 0) {
        words.push_back(names[i]);
      }
    }
    return wrap(words.empty() ? caption_words(pack_, record) : words, letters_);
  }

 private:
  const Pack& pack_;
  std::size_t letters_;
  std::vector<bool> binary_;
};

/// Domains take turns; of each, consecutive records or evenly spread ones.
std::vector<std::int64_t> choose_records(const PackInfo& info, const SheetOptions& options) {
  const auto domains = std::max<std::int64_t>(1, std::ssize(info.domains));
  std::vector<std::int64_t> out;
  for (std::int64_t i = 0; i < options.count; ++i) {
    const RecordRange range = info.range_of_domain(i % domains);
    const std::int64_t each = std::min(range.count, (options.count + domains - 1) / domains);
    const std::int64_t mine = i / domains;
    const std::int64_t at = options.first < 0 ? mine * range.count / std::max<std::int64_t>(1, each)
                                              : options.first + mine;
    if (mine < each && at < range.count) out.push_back(range.first + at);
  }
  return out;
}

}  // namespace

void SheetOptions::visit(OptionVisitor& visitor) {
  visitor.group("Sheet");
  visitor.field("count", count, "pictures to show");
  visitor.field("columns", columns, "pictures a row");
  visitor.field("first", first, "record to begin with; -1: spread evenly over the pack");
  visitor.field("resolution", resolution, "level to show, in pixels; 0: the largest");
  visitor.field("labels", labels, "write the labels that are set below each picture");
}

void SheetOptions::validate() const {
  if (count < 1 || count > 4096)
    throw ConfigError("--count: expected 1 to 4096, found " + std::to_string(count));
  if (columns < 1 || columns > 256)
    throw ConfigError("--columns: expected 1 to 256, found " + std::to_string(columns));
  if (first < -1) {
    throw ConfigError("--first: expected -1 or more, found " + std::to_string(first));
  }
}

torch::Tensor contact_sheet(const Pack& pack, const SheetOptions& options) {
  options.validate();
  const std::int64_t side = options.resolution != 0 ? options.resolution : pack.info().largest();
  pack.require_level(side);
  const std::vector<std::int64_t> records = choose_records(pack.info(), options);
  if (records.empty()) {
    throw DataError(pack.folder().string() + ": no record " + std::to_string(options.first) +
                    " of " + std::to_string(pack.info().count));
  }
  const std::int64_t count = std::ssize(records);
  const std::int64_t factor = std::max<std::int64_t>(1, (options.labels ? 160 : 64) / side);
  const std::int64_t shown = side * factor, letters = std::max<std::int64_t>(4, shown / kLetter);
  std::vector<std::vector<std::string>> below(records.size());
  std::size_t lines = 0;
  if (options.labels) {
    const Texts texts(pack, static_cast<std::size_t>(letters));
    for (std::size_t i = 0; i < records.size(); ++i) {
      below[i] = texts.of(records[i]);
      lines = std::max(lines, below[i].size());
    }
  }
  const std::int64_t columns = std::min(options.columns, count),
                     rows = (count + columns - 1) / columns;
  const std::int64_t cell = shown + kGap,
                     height = cell + static_cast<std::int64_t>(lines) * kLine + (lines > 0 ? 2 : 0);
  torch::Tensor sheet =
      torch::full({3, rows * height + kGap, columns * cell + kGap}, 255, torch::kUInt8);
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t x = kGap + i % columns * cell, y = kGap + i / columns * height;
    const auto which = static_cast<std::size_t>(i);
    torch::Tensor cut = sheet.narrow(1, y, shown).narrow(2, x, shown);
    try {
      const torch::Tensor image = pack.image(records[which], side);
      cut.copy_(image.repeat_interleave(factor, 1).repeat_interleave(factor, 2));
    } catch (const DataError&) {
      cut.fill_(kDamagedGrey);
    }
    for (std::size_t line = 0; line < below[which].size(); ++line) {
      torch::Tensor box =
          sheet.narrow(1, y + shown + 1 + static_cast<std::int64_t>(line) * kLine, kLine)
              .narrow(2, x, shown);
      draw_text(box, below[which][line], 0, static_cast<int>(kLine) - 3,
                static_cast<int>(kTextHeight), 20);
    }
  }
  return sheet;
}

}  // namespace pgan::data
