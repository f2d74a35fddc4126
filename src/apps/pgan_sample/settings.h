#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include <torch/types.h>

#include "models/label_sets.h"

namespace pgan::apps {

/// A value that one attribute is to have.
struct Setting {
  std::int64_t attribute = 0;
  double value = 1;  ///< 0 to 1
};

/// "Blond_Hair=1,Young=0"; what stands before an entry's last '=' is the name. option: "--set", for
/// messages. Throws ConfigError: not of this form, a name twice, no such attribute (naming those
/// there are), a value outside of 0 to 1, members of a group that add up to more than 1.
std::vector<Setting> parse_settings(const std::string& option, const std::string& text,
                                    const models::LabelSets& labels);

/// The data set that all of the settings (at least one) belong to. Throws ConfigError for those of
/// several: a label vector is of one set.
std::int64_t common_set(const std::string& option, const std::vector<Setting>& settings,
                        const models::LabelSets& labels);

/// "0,0.25,1" -> numbers from 0 to 1, at least one. Throws ConfigError.
std::vector<double> parse_strengths(const std::string& text);

/// Label vectors [rows,width()] of a data set where no attribute is set.
torch::Tensor blank_labels(const models::LabelSets& labels, std::int64_t rows, std::int64_t set);

/// Label vectors [N,width()] with the settings applied; members of their groups that are not named
/// are lowered in proportion.
torch::Tensor with_settings(const torch::Tensor& own, const std::vector<Setting>& settings,
                            const models::LabelSets& labels);

/// What stands above a column: "Blond_Hair" for a value of 1, else "Young=0"; joined by commas.
std::string settings_text(const std::vector<Setting>& settings, const models::LabelSets& labels);

/// A number without needless zeros: 0.25, 1.
std::string short_number(double value);

}  // namespace pgan::apps
