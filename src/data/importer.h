#pragma once
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <torch/types.h>

#include "data/crop.h"
#include "data/decode.h"

namespace pgan::data {

/// What a picture is for. Training reads only `train`.
enum class Split : std::uint8_t { train = 0, validation = 1, test = 2 };

/// One picture to pack.
struct Source {
  std::string key;                 ///< its name inside the data set, unique within its domain
  std::uint64_t place = 0;         ///< where the listing's Pictures find it, as they like to count
  std::vector<float> labels = {};  ///< C finite values
  Split split = Split::train;
  std::int64_t domain = 0;  ///< which of Listing::domains it belongs to
  std::vector<std::string> captions = {};
};

/// The pictures behind a listing: files, entries of an archive, records of a database.
class Pictures {
 public:
  virtual ~Pictures() = default;
  /// [H,W,3], RGB, upright: uint8, or float32 in 0..255. Any thread. Throws DataError, naming the
  /// picture, when it cannot be used.
  virtual torch::Tensor read(const Source& source, const DecodeOptions& options) const = 0;
};

/// A picture that is left out, and why.
struct Skipped {
  std::string key, reason;
};

/// What an importer found.
struct Listing {
  std::string name;    ///< of the data set: the folder's
  std::string layout;  ///< the importer's name
  std::vector<std::string> label_names;
  std::vector<std::string> domains;  ///< names, two or more; empty where there is one only
  bool paired = false;           ///< pictures of the same key belong together, one in each domain
  bool has_split = false;        ///< some are held out; list_sources() sets it
  std::vector<Source> sources;   ///< sorted by domain, then key
  std::vector<Skipped> skipped;  ///< found unusable while listing
  std::vector<std::string> warnings;  ///< one line each: rows without picture, pictures without row
  Crop crop = {};                     ///< what Crop::automatic means for this layout
  std::int64_t resolution = 0;        ///< largest level if the user names none; 0: what fits
  std::int64_t native = 0;  ///< size of the level beside the powers of two (28 for MNIST); 0: none
  /// Smaller pictures are centred, unscaled, on a black square of this size before the crop (32 for
  /// MNIST); 0: none.
  std::int64_t canvas = 0;
  std::shared_ptr<const Pictures> pictures;
};

/// A layout that users have. Adding one: a file import_*.cpp and a line in importers().
struct Importer {
  std::string_view name;
  std::string_view summary;
  /// root: a folder or a file. Never throws for what it does not know.
  bool (*recognises)(const std::filesystem::path& root);
  /// Throws DataError naming file and line.
  Listing (*list)(const std::filesystem::path& root);
};

/// In the order they are tried.
std::span<const Importer> importers();
/// Help of --layout: the importers with what they take.
std::string layout_help();

/// Lists a data set by the first importer that recognises it, or by the one named `layout`; at
/// least one picture. Throws DataError saying what was found and which layouts there are,
/// ConfigError for a layout of no such name.
Listing list_sources(const std::filesystem::path& root, const std::string& layout = "auto");

}  // namespace pgan::data
