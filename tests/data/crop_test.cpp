#include "data/crop.h"

#include <gmock/gmock.h>

#include "data/fixtures.h"

namespace pgan::data {
namespace {

using testing::HasSubstr;

TEST(Crop, CelebaBoxes) {
  const Crop narrow{.kind = Crop::Kind::celeba_128}, wide{.kind = Crop::Kind::celeba_178};
  EXPECT_EQ(crop_square(narrow, 178, 218, "f"), (Square{25, 57, 128}));
  EXPECT_EQ(crop_square(wide, 178, 218, "f"), (Square{0, 20, 178}));
  EXPECT_EQ(crop_square(narrow, 356, 436, "f"), (Square{50, 114, 256}));
  EXPECT_EQ(crop_square(narrow, 89, 109, "f"), (Square{13, 29, 64}));
  EXPECT_EQ(crop_square(wide, 89, 109, "f"), (Square{0, 10, 89}));
}

TEST(Crop, CentreAndAutomatic) {
  const Crop automatic{.kind = Crop::Kind::automatic}, center{.kind = Crop::Kind::center};
  EXPECT_EQ(crop_square(center, 100, 60, "f"), (Square{20, 0, 60}));
  EXPECT_EQ(crop_square(automatic, 178, 218, "f"), (Square{25, 57, 128}));
  EXPECT_EQ(crop_square(automatic, 64, 64, "f"), (Square{0, 0, 64}));
  EXPECT_EQ(crop_square(center, 1, 1, "f"), (Square{0, 0, 1}));
}

TEST(Crop, PadReachesBeyondThePictureAndIsBlackThere) {
  const Crop pad = parse_crop("pad");
  const Square square = crop_square(pad, 3, 6, "f");
  EXPECT_EQ(square, (Square{-1, 0, 6}));
  const torch::Tensor picture = torch::arange(1, 55).to(torch::kUInt8).view({6, 3, 3});
  const torch::Tensor cut = cut_square(picture, square);
  ASSERT_EQ(cut.sizes(), (torch::IntArrayRef{6, 6, 3}));
  EXPECT_TRUE(cut.narrow(1, 1, 3).equal(picture));
  EXPECT_EQ(cut.sum().item<int>(), picture.sum().item<int>());
  EXPECT_EQ(crop_square(pad, 6, 3, "f"), (Square{0, -1, 6}));
  EXPECT_EQ(crop_square(pad, 5, 5, "f"), (Square{0, 0, 5}));
}

TEST(Crop, BoxIsItsLargestCentredSquare) {
  EXPECT_EQ(crop_square(parse_crop("box:10,20,30,12"), 100, 60, "f"), (Square{19, 20, 12}));
  EXPECT_EQ(crop_square(parse_crop("box:90,50,10,10"), 100, 60, "f"), (Square{90, 50, 10}));
  const auto outside = [](const char* box) {
    return message_of([&] { crop_square(parse_crop(box), 100, 60, "a.png"); });
  };
  EXPECT_THAT(outside("box:91,50,10,10"), HasSubstr("a.png: 100x60 pixels do not hold"));
  EXPECT_THAT(outside("box:90,51,10,10"), HasSubstr("box:90,51,10,10"));
}

TEST(Crop, CutInsideSharesThePixels) {
  const torch::Tensor picture = torch::arange(0, 60).to(torch::kFloat32).view({4, 5, 3});
  const torch::Tensor cut = cut_square(picture, {2, 1, 3});
  EXPECT_TRUE(cut.equal(picture.slice(0, 1, 4).slice(1, 2, 5)));
  EXPECT_EQ(cut.storage().data(), picture.storage().data());
}

TEST(Crop, NamesThereAndBack) {
  for (const char* name :
       {"auto", "center", "celeba-128", "celeba-178", "pad", "box:0,0,1,1", "box:7,8,90,100"}) {
    EXPECT_EQ(crop_name(parse_crop(name)), name);
  }
}

TEST(Crop, OtherNamesAndShapesAreRefused) {
  for (const char* name :
       {"centre", "", "box:", "box:1,2,3", "box:1,2,3,4,5", "box:1,2,3,4 ", "box:-1,2,3,4",
        "box:1,2,0,4", "box:1,2,3,0", "box:1,,3,4", "box:99999999999999999999,0,1,1",
        "box:9000000000000000000,0,9000000000000000000,1"}) {
    EXPECT_THROW(parse_crop(name), ConfigError) << name;
  }
  EXPECT_THAT(message_of([] { parse_crop("x"); }), HasSubstr("box:x,y,w,h"));
  EXPECT_THROW(crop_square({.kind = Crop::Kind::celeba_128}, 64, 64, "f"), DataError);
}

}  // namespace
}  // namespace pgan::data
