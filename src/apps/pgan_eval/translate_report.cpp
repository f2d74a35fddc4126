#include "apps/pgan_eval/translate_report.h"

#include <algorithm>
#include <cmath>

#include <nlohmann/json.hpp>

#include "report/format.h"

namespace pgan::apps {
namespace {

using Row = std::vector<std::string>;
using report::text_of;

/// Columns two spaces apart, the first to the left and the others to the right.
std::string aligned(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths(rows[0].size());
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    text += "  " + row[0] + std::string(widths[0] - row[0].size(), ' ');
    for (std::size_t i = 1; i < row.size(); ++i)
      text += "  " + std::string(widths[i] - row[i].size(), ' ') + row[i];
    text += "\n";
  }
  return text;
}

std::string percent(double share) {
  return std::isfinite(share) ? text_of("%.1f", 100 * share) : "-";
}

std::string with_interval(const Rate& rate) {
  if (!std::isfinite(rate.value)) return "-";
  return text_of("%.1f [%4.1f, %5.1f]", 100 * rate.value, 100 * rate.low, 100 * rate.high);
}

std::string reals_table(const TranslateReport& report) {
  std::vector<Row> rows{{"Attribute", "Pictures", "Positive", "Balanced accuracy", "Accuracy"}};
  for (std::size_t i = 0; i < report.scores.size(); ++i) {
    const AttributeScore& score = report.scores[i];
    rows.push_back({report.attributes[i].name, text_of("%.0f", score.pictures()),
                    text_of("%.0f", score.with), percent(score.balanced_accuracy()),
                    percent(score.accuracy())});
  }
  return aligned(rows);
}

Row change_row(const std::string& name, const ChangeScore& score) {
  const Rate before = rate_of(score.found_before, score.pictures);
  const Rate after = rate_of(score.found_after, score.pictures);
  const double points = 100 * (after.value - before.value), others = score.others;
  const double l1 = score.reconstruction_l1 / score.pictures;
  return {name,
          text_of("%.0f", score.pictures),
          with_interval(before),
          with_interval(after),
          std::isfinite(points) ? text_of("%+.1f", points) : "-",
          percent(score.others_wrong_before / others),
          percent(score.others_wrong_after / others),
          percent(score.others_changed / others),
          std::isfinite(l1) ? text_of("%.4f", l1) : "-"};
}

std::string changes_table(const TranslateReport& report, ChangeScore AttributeScore::*change) {
  std::vector<Row> rows{{"Attribute", "Pictures", "Before [95 %]", "After [95 %]", "Points",
                         "Others wrong before", "after", "changed", "L1 there and back"}};
  for (std::size_t i = 0; i < report.scores.size(); ++i) {
    if (change == &AttributeScore::off && report.attributes[i].grouped) continue;
    rows.push_back(change_row(report.attributes[i].name, report.scores[i].*change));
  }
  return rows.size() > 1 ? aligned(rows) : "";
}

std::int64_t whole(double count) {
  return static_cast<std::int64_t>(count);
}

nlohmann::ordered_json json_of(const Rate& rate) {
  return {{"share", rate.value}, {"low", rate.low}, {"high", rate.high}};
}

nlohmann::ordered_json json_of(const ChangeScore& score) {
  const Rate before = rate_of(score.found_before, score.pictures);
  const Rate after = rate_of(score.found_after, score.pictures);
  return {{"pictures", whole(score.pictures)},
          {"before", json_of(before)},
          {"after", json_of(after)},
          {"points", 100 * (after.value - before.value)},
          {"others_wrong_before", score.others_wrong_before / score.others},
          {"others_wrong_after", score.others_wrong_after / score.others},
          {"others_changed", score.others_changed / score.others},
          {"reconstruction_l1", score.reconstruction_l1 / score.pictures}};
}

nlohmann::ordered_json json_of(const TranslateReport::Source& source) {
  return {{"where", source.where}, {"network", source.network}, {"kimg", source.kimg}};
}

/// Mean over all translations.
double reconstruction_of(const TranslateReport& report) {
  double sum = 0, pictures = 0;
  for (const AttributeScore& score : report.scores) {
    sum += score.on.reconstruction_l1 + score.off.reconstruction_l1;
    pictures += score.on.pictures + score.off.pictures;
  }
  return sum / pictures;
}

}  // namespace

std::string table_text(const TranslateReport& report) {
  const std::string side = std::to_string(report.resolution);
  std::string names, text;
  for (const std::string& name : report.data) names += (names.empty() ? "" : ", ") + name;
  text += text_of("Model  %s, %s at kimg %.3f\n", report.model.where.c_str(),
                  report.model.network.c_str(), report.model.kimg);
  text += text_of("Judge  %s, %s at kimg %.3f\n", report.judge.where.c_str(),
                  report.judge.network.c_str(), report.judge.kimg);
  text += text_of("Data   %s, %s, %lld pictures of ", names.c_str(), report.split.c_str(),
                  static_cast<long long>(report.pictures)) +
          side + "x" + side + "\n";
  for (const std::string& name : report.left_out)
    text += "Left out: " + name + ", which the judge does not know\n";
  text += "\nThe judge on untranslated pictures, %\n" + reals_table(report);
  text += "\nTurned on where it was not: where the judge finds it, %\n" +
          changes_table(report, &AttributeScore::on);
  if (const std::string off = changes_table(report, &AttributeScore::off); !off.empty())
    text += "\nTurned off where it was: where the judge finds it, %\n" + off;
  return text + text_of("\nReconstruction L1, all translations: %.4f\n", reconstruction_of(report));
}

std::string json_line(const TranslateReport& report) {
  nlohmann::ordered_json json{
      {"command", "translate"},         {"model", json_of(report.model)},
      {"judge", json_of(report.judge)}, {"data", report.data},
      {"split", report.split},          {"resolution", report.resolution},
      {"pictures", report.pictures},    {"reconstruction_l1", reconstruction_of(report)},
      {"left_out", report.left_out}};
  for (std::size_t i = 0; i < report.scores.size(); ++i) {
    const AttributeScore& score = report.scores[i];
    const SharedAttribute& attribute = report.attributes[i];
    json["attributes"].push_back(nlohmann::ordered_json{
        {"name", attribute.name},
        {"set", attribute.set},
        {"pictures", whole(score.pictures())},
        {"positive", whole(score.with)},
        {"balanced_accuracy", score.balanced_accuracy()},
        {"accuracy", score.accuracy()},
        {"on", json_of(score.on)},
        {"off", attribute.grouped ? nlohmann::ordered_json() : json_of(score.off)}});
  }
  return json.dump() + "\n";
}

}  // namespace pgan::apps
