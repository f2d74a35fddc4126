#pragma once
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "data/importer.h"

namespace pgan::data {

/// A row of labels a class would be too large beyond: 1,000 are ImageNet's.
inline constexpr std::size_t kMaxClasses = 1000;

/// train, training; val, valid, validation, dev; test, testing; in any case.
std::optional<Split> split_by_name(std::string_view name);

/// `count` values, 1 at `index`.
std::vector<float> one_hot(std::size_t count, std::size_t index);

/// The key's folder number `depth` counted from the top; empty where it has none.
std::string_view folder_of(std::string_view key, std::size_t depth);

/// Sets splits and classes of the sources, which have their keys only, by the keys' folders: the
/// topmost are splits if all are named so; two or more below are classes if every picture lies in
/// one (with splits: every picture for training; others are left out). Folders of five digits
/// number pictures and are no classes. Says in the warnings what was not taken for a class.
void label_by_folders(Listing& listing);

}  // namespace pgan::data
