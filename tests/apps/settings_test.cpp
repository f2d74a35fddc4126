#include "apps/pgan_sample/settings.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <torch/torch.h>

#include "apps/pgan_sample/columns.h"
#include "apps/pgan_sample/output.h"
#include "core/error.h"

namespace pgan::apps {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

models::LabelSets faces() {
  return models::LabelSets({{"Black_Hair,Blond_Hair,Male,Young"}, {"Black_Hair,Blond_Hair"}, {}},
                           {});
}

models::LabelSets two_sets() {
  return models::LabelSets({{"Male,Young", "happy,sad"}, {}, {}}, {});
}

std::string error_of(const std::string& text, const models::LabelSets& labels = faces()) {
  try {
    parse_settings("--set", text, labels);
  } catch (const ConfigError& error) {
    return error.what();
  }
  return "no error";
}

TEST(Settings, NamesAndValues) {
  const auto settings = parse_settings("--set", "Blond_Hair=0.5, Young=0", faces());
  ASSERT_EQ(settings.size(), 2u);
  EXPECT_EQ(settings[0].attribute, 1);
  EXPECT_EQ(settings[0].value, 0.5);
  EXPECT_EQ(settings[1].attribute, 3);
  EXPECT_EQ(settings[1].value, 0);
  EXPECT_EQ(settings_text(settings, faces()), "Blond_Hair=0.5,Young=0");
  EXPECT_EQ(settings_text({{2, 1}}, faces()), "Male");
}

TEST(Settings, NamesMayHoldSigns) {
  const models::LabelSets ages({{"age<18,18<=age<45,age>=45"}, {}, {}}, {});
  EXPECT_EQ(parse_settings("--set", "age>=45=1", ages)[0].attribute, 2);
  EXPECT_EQ(parse_settings("--set", "18<=age<45=0", ages)[0].attribute, 1);
}

TEST(Settings, BadOnesSayWhatIsExpected) {
  EXPECT_THAT(error_of("Blonde=1"), HasSubstr("Black_Hair, Blond_Hair, Male, Young"));
  EXPECT_THAT(error_of("Young"), HasSubstr("expected NAME=VALUE"));
  EXPECT_THAT(error_of("=1"), HasSubstr("expected NAME=VALUE"));
  EXPECT_THAT(error_of("Young=1,"), HasSubstr("expected NAME=VALUE"));
  for (const char* value : {"2", "-0.1", "nan", "", "1x", "yes"}) {
    EXPECT_THAT(error_of(std::string("Young=") + value), HasSubstr("from 0 to 1")) << value;
  }
  EXPECT_THAT(error_of("Young=1,Young=0"), HasSubstr("after another value"));
  EXPECT_THAT(error_of("Black_Hair=1,Blond_Hair=0.5"),
              HasSubstr("Black_Hair and Blond_Hair exclude one another"));
  EXPECT_EQ(error_of("Black_Hair=0.5,Blond_Hair=0.5"), "no error");
}

TEST(Settings, OneDataSetAtATime) {
  const models::LabelSets labels = two_sets();
  EXPECT_EQ(common_set("--set", parse_settings("--set", "sad=1,happy=0", labels), labels), 1);
  EXPECT_THROW(common_set("--set", parse_settings("--set", "Male=1,happy=0", labels), labels),
               ConfigError);
}

TEST(Settings, Strengths) {
  EXPECT_THAT(parse_strengths("0, 0.25,1"), ElementsAre(0, 0.25, 1));
  for (const char* text : {"", "0,,1", "1.5", "-1", "a", "nan"})
    EXPECT_THROW(parse_strengths(text), ConfigError) << text;
}

TEST(Settings, OthersOfAGroupMakeRoom) {
  const auto own = torch::tensor({{1.F, 0.F, 1.F, 1.F}, {0.F, 0.F, 0.F, 1.F}});
  const auto set = [&](const char* text) {
    return with_settings(own, parse_settings("--set", text, faces()), faces());
  };
  EXPECT_TRUE(torch::equal(set("Blond_Hair=1,Young=0"),
                           torch::tensor({{0.F, 1.F, 1.F, 0.F}, {0.F, 1.F, 0.F, 0.F}})));
  EXPECT_TRUE(torch::equal(set("Blond_Hair=0.25").slice(0, 0, 1),
                           torch::tensor({{0.75F, 0.25F, 1.F, 1.F}})));
  for (const char* text : {"Black_Hair=0.5,Blond_Hair=0.5", "Blond_Hair=0.5,Black_Hair=0.5"})
    EXPECT_TRUE(torch::equal(set(text)[0], torch::tensor({0.5F, 0.5F, 1.F, 1.F}))) << text;
  EXPECT_TRUE(torch::equal(own[0], torch::tensor({1.F, 0.F, 1.F, 1.F})));  // unchanged
}

TEST(Settings, BlankLabelsNameTheirSet) {
  EXPECT_TRUE(torch::equal(blank_labels(two_sets(), 1, 1),
                           torch::tensor({{0.F, 0.F, 0.F, 0.F, 0.F, 1.F}})));
  EXPECT_EQ(blank_labels(faces(), 3, 0).sum().item<float>(), 0);
}

/// Shows the labels it is given: pixel i of a translated picture is label i.
class ShownLabels : public models::Translator {
 public:
  explicit ShownLabels(models::LabelSets labels) : labels_(std::move(labels)) {}
  const models::LabelSets& labels() const override { return labels_; }
  std::string recogniser() const override { return "D"; }
  torch::Tensor recognised(const torch::Tensor& images, std::int64_t set) override {
    torch::Tensor own = blank_labels(labels_, images.size(0), set);
    own.select(1, labels_.columns_of(set)[0]).copy_(images.select(1, 0).flatten(1).select(1, 0));
    return own;
  }
  torch::Tensor translate(const torch::Tensor& images, const torch::Tensor& labels) override {
    EXPECT_LE(images.size(0), 16);
    torch::Tensor shown = torch::zeros_like(images);
    shown.flatten(2).select(1, 0).slice(1, 0, labels.size(1)).copy_(labels);
    return shown;
  }

 private:
  models::LabelSets labels_;
};

torch::Tensor shown(const Column& column, std::int64_t picture, std::int64_t width) {
  return column.images[picture].flatten(1)[0].slice(0, 0, width);
}

/// Every other picture has the first label of its set.
torch::Tensor pictures(std::int64_t count) {
  torch::Tensor images = torch::zeros({count, 3, 4, 4});
  for (std::int64_t i = 1; i < count; i += 2) images[i].fill_(1);
  return images;
}

TEST(Columns, StrengthsGoFromThePicturesLabelsToTheTarget) {
  ShownLabels translator(faces());
  LabelledPictures labelled(translator, pictures(20), torch::kCPU, {{2, 1}}, true);
  const auto columns = labelled.joint({{1, 1}}, 0, {0, 0.25, 1});
  ASSERT_EQ(columns.size(), 4u);
  EXPECT_EQ(columns[0].heading, "Input");
  EXPECT_EQ(columns[2].heading, "Blond_Hair 0.25");
  EXPECT_TRUE(torch::equal(columns[0].images, pictures(20)));
  EXPECT_TRUE(torch::equal(shown(columns[1], 19, 4), torch::tensor({1.F, 0.F, 1.F, 0.F})));
  EXPECT_TRUE(torch::equal(shown(columns[2], 19, 4), torch::tensor({0.75F, 0.25F, 1.F, 0.F})));
  EXPECT_TRUE(torch::equal(shown(columns[3], 19, 4), torch::tensor({0.F, 1.F, 1.F, 0.F})));
  EXPECT_TRUE(torch::equal(shown(columns[1], 18, 4), torch::tensor({0.F, 0.F, 1.F, 0.F})));
  EXPECT_EQ(labelled.labels_text(19), "Black_Hair, Male");
  EXPECT_EQ(labelled.joint({{1, 1}}, 0, {}).at(1).heading, "Blond_Hair");
}

TEST(Columns, EachAttributeOfEachDataSet) {
  ShownLabels translator(two_sets());
  LabelledPictures labelled(translator, pictures(2), torch::kCPU, {{3, 1}}, true);
  const auto columns = labelled.each_attribute();
  ASSERT_EQ(columns.size(), 5u);
  EXPECT_TRUE(torch::equal(shown(columns[1], 1, 6), torch::tensor({0.F, 0.F, 0.F, 0.F, 1.F, 0.F})));
  EXPECT_TRUE(torch::equal(shown(columns[2], 1, 6), torch::tensor({1.F, 1.F, 0.F, 0.F, 1.F, 0.F})));
  EXPECT_TRUE(torch::equal(shown(columns[3], 1, 6), torch::tensor({0.F, 0.F, 0.F, 1.F, 0.F, 1.F})));
  EXPECT_TRUE(torch::equal(shown(columns[4], 0, 6), torch::tensor({0.F, 0.F, 0.F, 0.F, 0.F, 1.F})));
}

TEST(Columns, UnknownLabelsAreZero) {
  ShownLabels translator(faces());
  LabelledPictures labelled(translator, pictures(2), torch::kCPU, {{3, 1}}, false);
  EXPECT_TRUE(torch::equal(labelled.labels(0)[1], torch::tensor({0.F, 0.F, 0.F, 1.F})));
}

TEST(FileNames, SafeAndUnique) {
  const std::vector<std::string> headings{"Input", "Blond_Hair 0.25", "18<=age<45"};
  EXPECT_THAT(file_names({"a.png", "b/a.jpg"}, headings),
              ElementsAre("a-Input.png", "a-Blond_Hair-0.25.png", "a-18_age_45.png",
                          "b_a-Input.png", "b_a-Blond_Hair-0.25.png", "b_a-18_age_45.png"));
  EXPECT_THAT(file_names({"a.png", "A.jpg", "a.jpg"}, {"x"}),
              ElementsAre("a-x.png", "A-x-2.png", "a-x-3.png"));
  EXPECT_THAT(file_names({".png", "-rf.png", "\xc3\xa9t\xc3\xa9.jpg", ""}, {"x"}),
              ElementsAre("_.png-x.png", "_-rf-x.png", "\xc3\xa9t\xc3\xa9-x.png", "_-x.png"));
  for (const std::string& name :
       file_names({std::string(3000, 'a'), std::string(250, '\xc3')}, {std::string(3000, 'b')}))
    EXPECT_LE(name.size(), 240u);
}

}  // namespace
}  // namespace pgan::apps
