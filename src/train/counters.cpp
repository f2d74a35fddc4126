#include "train/counters.h"

#include <cmath>

#include <nlohmann/json.hpp>

#include "core/error.h"

namespace pgan::train {
namespace {

/// JSON has no word for NaN and infinities: they are written as null.
double number_or_nan(const nlohmann::json& value) {
  return value.is_null() ? NAN : value.get<double>();
}

}  // namespace

std::string Counters::to_json() const {
  return nlohmann::json{{"skipped", skipped},
                        {"skipped_in_a_row", skipped_in_a_row},
                        {"rollbacks", rollbacks},
                        {"elapsed_seconds", elapsed_seconds},
                        {"window",
                         {{"begin_step", window.begin_step},
                          {"images", window.images},
                          {"steps", window.steps},
                          {"loss_sums", window.loss_sums},
                          {"loss_counts", window.loss_counts},
                          {"seconds", window.seconds},
                          {"data_wait", window.data_wait},
                          {"rank_wait", window.rank_wait}}}}
      .dump();
}

Counters Counters::from_json(const std::string& text, const std::string& where) {
  try {
    const auto json = nlohmann::json::parse(text);
    Counters counters;
    counters.skipped = json.at("skipped").get<std::int64_t>();
    counters.skipped_in_a_row =
        json.at("skipped_in_a_row").get<std::map<std::string, std::int64_t>>();
    counters.rollbacks = json.value("rollbacks", std::int64_t{0});
    counters.elapsed_seconds = number_or_nan(json.at("elapsed_seconds"));
    const auto& window = json.at("window");
    counters.window.begin_step = window.at("begin_step").get<std::int64_t>();
    counters.window.images = window.at("images").get<std::int64_t>();
    counters.window.steps = window.at("steps").get<std::int64_t>();
    for (const auto& [name, sum] : window.at("loss_sums").items())
      counters.window.loss_sums[name] = number_or_nan(sum);
    counters.window.loss_counts =
        window.at("loss_counts").get<std::map<std::string, std::int64_t>>();
    counters.window.seconds = number_or_nan(window.at("seconds"));
    counters.window.data_wait = number_or_nan(window.at("data_wait"));
    counters.window.rank_wait = number_or_nan(window.at("rank_wait"));
    return counters;
  } catch (const nlohmann::json::exception& error) {
    throw CheckpointError(where + ": counters that cannot be read (" + error.what() + ")");
  }
}

}  // namespace pgan::train
