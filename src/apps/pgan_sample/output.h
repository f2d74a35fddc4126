#pragma once
#include <filesystem>
#include <string>
#include <vector>

#include "apps/pgan_sample/columns.h"

namespace pgan::apps {

/// A sheet with a row a picture; atomically. names: of the rows. Throws ConfigError or DataError
/// when it cannot be written.
void write_sheet(const std::filesystem::path& file, const std::vector<Column>& columns,
                 const std::vector<std::string>& names, const std::string& title);

/// One PNG a picture and column, of the pictures' own size, into a folder that is made where it
/// does not exist; files of the same names are replaced. Returns their number. Throws as above.
std::size_t write_each(const std::filesystem::path& folder, const std::vector<Column>& columns,
                       const std::vector<std::string>& names);

/// File names "<picture>-<column>.png" for each picture and column, row by row: unique, even where
/// case does not count, and without characters that file systems or shells take amiss.
std::vector<std::string> file_names(const std::vector<std::string>& pictures,
                                    const std::vector<std::string>& columns);

}  // namespace pgan::apps
