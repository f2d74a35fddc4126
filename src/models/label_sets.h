#pragma once
#include <cstdint>
#include <limits>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <torch/types.h>

#include "core/options.h"

namespace pgan::models {

/// One label of a data set, over the records trained on.
struct LabelFact {
  std::string name = {};
  double mean = 0, low = 0, high = 0;
  bool binary = true;  ///< all values are 0 or 1
};

/// A data set as a model sees it.
struct DataFacts {
  std::string name = {};
  std::vector<LabelFact> labels = {};
  bool one_of_n = false;  ///< every record has exactly one label set
};

/// Which labels a model goes by. Entries of `attributes` belong to the data sets in order.
struct LabelOptions {
  std::vector<std::string> attributes, exclusive, categorical;
  void visit(OptionVisitor& visitor);
};

/// A column of a model's labels.
struct Attribute {
  std::string name;
  std::int64_t set = 0;
  std::int64_t source = -1;  ///< column of the data set's labels; -1: the data is not known
  double low = 0.5;          ///< it is 1 where low <= value < high
  double high = std::numeric_limits<double>::infinity();
  bool operator==(const Attribute&) const = default;
};

/// Attributes of one data set that belong together.
struct LabelGroup {
  std::vector<std::int64_t> members;  ///< columns
  /// Exactly one is set (cross-entropy); else at most one, where each is judged by itself.
  bool categorical = false;
};

/// The labels a model goes by, chosen among those of one data set or several.
///
/// A label vector is [attributes of set 0, of set 1, …, mask], the mask with one entry a set, there
/// only when there are several; a picture of set k has zeros for the others' attributes and mask k
/// set (Choi et al. 2018, section 3.3). Const members are thread-safe.
class LabelSets {
 public:
  /// An attribute is a label's name, or a range of a label of numbers: `age<18`, `18<=age<45`,
  /// `age>=45`; `age:18:45` stands for these three, one of which is set. "default" as a set's
  /// entry: the published five of CelebA where they are there, else all labels of 0 and 1. facts:
  /// by set; empty: the names are taken as they are. Throws ConfigError naming the labels there
  /// are.
  LabelSets(const LabelOptions& options, const std::vector<DataFacts>& facts);

  const std::vector<Attribute>& attributes() const { return attributes_; }
  std::int64_t count() const { return std::ssize(attributes_); }
  std::int64_t sets() const { return sets_; }
  /// Entries of a label vector: attributes and mask.
  std::int64_t width() const { return count() + (sets_ > 1 ? sets_ : 0); }
  const std::vector<LabelGroup>& groups() const { return groups_; }
  std::vector<std::string> names() const;
  /// Throws ConfigError naming the attributes there are.
  std::int64_t index_of(std::string_view name) const;

  /// A data set's labels [N,C] -> label vectors [N,width()] of 0 and 1.
  torch::Tensor select(const torch::Tensor& labels, std::int64_t set) const;
  /// Classification loss of the known part, mean over rows: binary cross-entropy summed over its
  /// attributes, and cross-entropy for each categorical group. logits: [N,count()]; labels:
  /// [N,width()]; weights: null, or [2,count()] for labels of 0 and 1.
  torch::Tensor loss(const torch::Tensor& logits, const torch::Tensor& labels, std::int64_t set,
                     const torch::Tensor& weights = {}) const;
  /// Logits [N,count()] -> label vectors [N,width()] of 0 and 1 for pictures of a set: the largest
  /// of a categorical group, elsewhere what is above 0.
  torch::Tensor decide(const torch::Tensor& logits, std::int64_t set) const;

  /// Sets a column of label vectors [N,width()], and lowers the others of its group in proportion.
  /// The mask becomes that of the attribute's set. value: 0 to 1.
  void set(torch::Tensor& labels, std::int64_t attribute, double value) const;
  /// Targets as sheets show them: of an attribute in a group, this one set and the others not; of
  /// any other its other value.
  torch::Tensor flipped(const torch::Tensor& labels, std::int64_t attribute) const;
  /// Columns that belong to a set.
  std::vector<std::int64_t> columns_of(std::int64_t set) const;

  /// Which attributes and groups there are, and a warning for each attribute that is the same in
  /// all records.
  std::vector<std::string> notes() const { return notes_; }
  /// Share of the records in which each attribute is set; 0.5 where that is not known.
  const std::vector<double>& shares() const { return shares_; }
  /// For architectures: [{"set", "attributes", "exclusive", "categorical"}, …].
  std::string json() const;
  /// Values of the options from such JSON, which give the same labels. Throws ConfigError.
  static std::map<std::string, std::string> values_from(const std::string& json);

 private:
  void add_set(const std::string& entry, const DataFacts* facts);
  void add_item(const std::string& item, const DataFacts* facts);
  void add_attribute(const std::string& item, const DataFacts* facts);
  void add_groups(const LabelOptions& options, const std::vector<DataFacts>& facts);
  void add_group(const std::vector<std::string>& names, bool categorical);
  void check_claim(const std::string& names, const std::vector<DataFacts>& facts) const;
  void note_choice();
  void note_constants(const std::vector<DataFacts>& facts);
  const LabelGroup* group_of(std::int64_t attribute) const;

  std::vector<Attribute> attributes_;
  std::vector<LabelGroup> groups_;
  std::vector<std::string> set_names_, notes_;
  std::vector<double> shares_;
  std::int64_t sets_ = 0;
};

}  // namespace pgan::models
