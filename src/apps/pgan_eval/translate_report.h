#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "apps/pgan_eval/translation_scores.h"

namespace pgan::apps {

/// What `pgan-eval translate` found.
struct TranslateReport {
  struct Source {
    std::string where;    ///< as given
    std::string network;  ///< parameter set, "G_ema"
    double kimg = 0;
  };
  Source model, judge;
  std::vector<std::string> data;  ///< names of the packs, by data set
  std::string split;
  std::int64_t resolution = 0, pictures = 0;
  std::vector<SharedAttribute> attributes;
  std::vector<AttributeScore> scores;  ///< of these
  std::vector<std::string> left_out;   ///< attributes that the judge does not know
};

/// Aligned tables for people.
std::string table_text(const TranslateReport& report);
/// One line of JSON with everything; null where nothing was measured.
std::string json_line(const TranslateReport& report);

}  // namespace pgan::apps
