#include "data/synth.h"

#include <algorithm>

#include <gmock/gmock.h>

#include "data/fixtures.h"

namespace pgan::data {
namespace {

std::size_t attribute(std::string_view name) {
  const auto found = std::find(kSynthAttributes.begin(), kSynthAttributes.end(), name);
  EXPECT_NE(found, kSynthAttributes.end()) << name;
  return static_cast<std::size_t>(found - kSynthAttributes.begin());
}

/// Faces drawn once for all tests: float64 [N,3,32,32] in 0..255 and bool [N,12].
struct Faces {
  torch::Tensor images, labels;
  Faces() {
    constexpr std::int64_t kCount = 500;
    images = torch::empty({kCount, 3, 32, 32}, torch::kFloat64);
    labels = torch::zeros({kCount, 12}, torch::kBool);
    for (std::int64_t i = 0; i < kCount; ++i) {
      const SynthFace face = draw_face(9, i, 32);
      images[i].copy_(face.image);
      for (std::size_t c = 0; c < 12; ++c) labels[i][static_cast<std::int64_t>(c)] = face.labels[c];
    }
  }
  /// Mean colour [3] of rows y0..y1, columns x0..x1 over the faces with (or without) an attribute.
  torch::Tensor mean(std::string_view name, bool with, int y0, int y1, int x0, int x1) const {
    const auto chosen = labels.select(1, static_cast<std::int64_t>(attribute(name))).eq(with);
    return images.index({chosen}).slice(2, y0, y1).slice(3, x0, x1).mean({0, 2, 3});
  }
};

const Faces& faces() {
  static const Faces drawn;
  return drawn;
}

TEST(Synth, DependsOnSeedAndIndexOnly) {
  EXPECT_TRUE(draw_face(1, 7, 64).image.equal(draw_face(1, 7, 64).image));
  EXPECT_FALSE(draw_face(1, 7, 64).image.equal(draw_face(1, 8, 64).image));
  EXPECT_FALSE(draw_face(1, 7, 64).image.equal(draw_face(2, 7, 64).image));
}

TEST(Synth, LooksTheSameAtAllSizes) {
  for (const std::int64_t index : {0, 1, 2, 3}) {
    const auto small = draw_face(1, index, 32).image.to(torch::kFloat64);
    for (const std::int64_t size : {64, 256, 512}) {
      const std::int64_t block = size / 32;
      const SynthFace face = draw_face(1, index, size);
      const auto mean = face.image.to(torch::kFloat64).view({3, 32, block, 32, block}).mean({2, 4});
      EXPECT_LT((mean - small).abs().mean().item<double>(), 2.0) << size;
    }
  }
  EXPECT_EQ(draw_face(1, 0, 100).image.size(2), 100);
}

TEST(Synth, EveryAttributeIsNeitherRareNorUsual) {
  for (std::int64_t c = 0; c < 12; ++c) {
    const double share = faces().labels.select(1, c).to(torch::kFloat64).mean().item<double>();
    EXPECT_GT(share, 0.07) << kSynthAttributes[static_cast<std::size_t>(c)];
    EXPECT_LT(share, 0.95) << kSynthAttributes[static_cast<std::size_t>(c)];
  }
}

TEST(Synth, HairColoursShow) {
  const auto hair = [](std::string_view name) { return faces().mean(name, true, 2, 6, 12, 20); };
  const auto black = hair("Black_Hair"), blond = hair("Blond_Hair"), brown = hair("Brown_Hair");
  EXPECT_LT(black.mean().item<double>() + 25, brown.mean().item<double>());
  EXPECT_LT(brown.mean().item<double>() + 40, blond.mean().item<double>());
  EXPECT_GT((blond[0] - blond[2]).item<double>(), 40);
}

TEST(Synth, SkinAndGlassesShow) {
  const auto skin = [](bool pale) {
    return faces().mean("Pale_Skin", pale, 18, 21, 12, 20).mean().item<double>();
  };
  EXPECT_GT(skin(true), skin(false) + 30);
  const auto eyes = [](bool glasses) {
    return faces().mean("Eyeglasses", glasses, 13, 19, 7, 25).mean().item<double>();
  };
  EXPECT_LT(eyes(true), eyes(false) - 15);
}

TEST(Synth, AttributesDifferInThePicture) {
  // The mean pictures with and without an attribute differ by far more than two random halves do.
  const auto difference = [](const torch::Tensor& chosen) {
    const auto with = faces().images.index({chosen}).mean(0),
               without = faces().images.index({~chosen}).mean(0);
    return (with - without).abs().max().item<double>();
  };
  const auto halves = torch::arange(500).remainder(2).eq(0);
  const double chance = difference(halves);
  for (const char* name : {"Male", "Young", "Smiling", "Eyeglasses", "Pale_Skin", "Bangs",
                           "No_Beard", "Wearing_Lipstick"}) {
    EXPECT_GT(difference(faces().labels.select(1, static_cast<std::int64_t>(attribute(name)))),
              1.5 * chance)
        << name;
  }
}

TEST(Synth, IsWrittenAsCelebaLayout) {
  const TempFolder folder;
  write_synth(folder / "a", {.count = 12, .size = 16, .seed = 4, .threads = 3}, [](auto, auto) {});
  write_synth(folder / "b", {.count = 12, .size = 16, .seed = 4, .threads = 1}, [](auto, auto) {});
  for (const char* name :
       {"list_attr_celeba.txt", "list_eval_partition.txt", "img_align_celeba/000012.png"}) {
    EXPECT_EQ(read_text(folder / "a" / name), read_text(folder / "b" / name)) << name;
  }
  const Listing listing = list_sources(folder / "a");
  EXPECT_EQ(listing.layout, "celeba");
  ASSERT_EQ(listing.sources.size(), 12u);
  for (std::int64_t i = 0; i < 12; ++i) {
    const SynthFace face = draw_face(4, i, 16);
    for (std::size_t c = 0; c < 12; ++c) {
      EXPECT_EQ(listing.sources[static_cast<std::size_t>(i)].labels[c] == 1.0f, face.labels[c]);
    }
  }
  EXPECT_THROW(write_synth(folder / "a", {.count = 1}, [](auto, auto) {}), ConfigError);
}

TEST(Synth, OptionsAreChecked) {
  const TempFolder folder;
  EXPECT_THROW(write_synth(folder / "a", {.count = 0}, [](auto, auto) {}), ConfigError);
  EXPECT_THROW(write_synth(folder / "a", {.size = 2048}, [](auto, auto) {}), ConfigError);
}

}  // namespace
}  // namespace pgan::data
