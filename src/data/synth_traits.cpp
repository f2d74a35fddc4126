#include "data/synth_traits.h"

#include "core/noise.h"

namespace pgan::data::synth {
namespace {

/// Draws of one face, by counter.
class Draws {
 public:
  Draws(std::uint64_t seed, std::int64_t index) : index_(static_cast<std::uint64_t>(index)) {
    const PhiloxBlock block = philox(seed, name_key("synth"), 0);
    key_ = std::uint64_t{block.word[0]} << 32 | block.word[1];
  }
  std::uint32_t word() { return philox(key_, draws_++, index_).word[0]; }
  float unit() { return static_cast<float>(word() >> 8) * 0x1p-24f; }
  float between(float low, float high) { return low + (high - low) * unit(); }
  /// Rounder than between(): the mean of three.
  float around(float middle, float spread) {
    return middle + spread * ((unit() + unit() + unit()) / 1.5f - 1);
  }
  bool chance(float probability) { return unit() < probability; }

 private:
  std::uint64_t key_, index_, draws_ = 0;
};

constexpr Color kSkins[] = {{0.93f, 0.76f, 0.65f},
                            {0.87f, 0.67f, 0.53f},
                            {0.76f, 0.55f, 0.40f},
                            {0.58f, 0.38f, 0.26f},
                            {0.40f, 0.25f, 0.17f}};
constexpr Color kIrises[] = {
    {0.25f, 0.14f, 0.07f}, {0.35f, 0.22f, 0.10f}, {0.25f, 0.42f, 0.62f}, {0.30f, 0.45f, 0.30f}};

void draw_person(Draws& d, Traits& t) {
  t.male = d.chance(0.45f);
  t.young = d.chance(0.72f);
  t.smiling = d.chance(0.48f);
  t.glasses = d.chance(t.young ? 0.15f : 0.3f);
  t.pale = d.chance(0.16f);
  // Squared: most faces are light, as in the data sets that this one stands in for.
  const float tone = d.unit();
  const float dark = t.pale ? 0 : tone * tone * 3.99f;
  const int step = static_cast<int>(dark);
  t.skin = mix(kSkins[step], kSkins[step + 1], dark - static_cast<float>(step));
  if (t.pale) t.skin = mix(Color{0.98f, 0.91f, 0.88f}, Color{0.97f, 0.88f, 0.83f}, d.unit());
  const float u = d.unit();
  if (!t.young && u < 0.5f) {
    t.hair_color = HairColor::gray;
  } else if (dark > 2) {
    t.hair_color = u < 0.85f ? HairColor::black : HairColor::brown;
  } else {
    const float v = d.unit();
    t.hair_color = v < 0.3f    ? HairColor::black
                   : v < 0.58f ? HairColor::blond
                   : v < 0.93f ? HairColor::brown
                               : HairColor::auburn;
  }
  t.lipstick = !t.male && d.chance(0.55f);
  t.bangs = d.chance(t.male ? 0.1f : 0.3f);
  if (t.male && d.chance(0.42f)) {
    const float style = d.unit();
    t.beard = style < 0.2f ? Beard::moustache : style < 0.45f ? Beard::goatee : Beard::full;
  }
}

void draw_colors(Draws& d, Traits& t) {
  switch (t.hair_color) {
    case HairColor::black:
      t.hair = {0.08f, 0.07f, 0.07f};
      break;
    case HairColor::blond:
      t.hair = {0.86f, 0.70f, 0.41f};
      break;
    case HairColor::brown:
      t.hair = {0.36f, 0.22f, 0.13f};
      break;
    case HairColor::gray:
      t.hair = {0.68f, 0.68f, 0.69f};
      break;
    case HairColor::auburn:
      t.hair = {0.55f, 0.22f, 0.10f};
      break;
  }
  t.hair = t.hair * d.around(1, 0.15f);
  t.iris = kIrises[t.hair_color == HairColor::black ? d.word() % 2 : d.word() % 4];
  const Color natural = t.skin * Color{0.86f, 0.62f, 0.60f};
  const Color painted = mix(Color{0.78f, 0.10f, 0.16f}, Color{0.75f, 0.22f, 0.38f}, d.unit());
  t.lips = t.lipstick ? painted : natural;
  const auto any = [&](float low, float high) {
    return Color{d.between(low, high), d.between(low, high), d.between(low, high)};
  };
  t.clothes = any(0.08f, 0.85f);
  const float grey = d.between(0.2f, 0.85f);
  t.backdrop_top = mix(any(0.15f, 0.9f), {grey, grey, grey}, 0.6f);
  t.backdrop_bottom = mix(t.backdrop_top, any(0.1f, 0.8f), 0.35f);
  t.frame = d.chance(0.7f) ? Color{0.06f, 0.05f, 0.06f} : Color{0.35f, 0.16f, 0.08f};
  const float warm = d.around(0, 0.07f), bright = d.around(1, 0.12f);
  t.light_tint = Color{1 + warm, 1, 1 - warm} * bright;
  t.light = {d.around(0, 0.9f), d.between(-0.8f, -0.2f)};
}

void draw_shape(Draws& d, Traits& t) {
  t.yaw = d.around(0, 0.5f);
  t.pitch = d.around(0, 0.06f);
  t.roll = d.around(0, 0.2f);
  t.scale = d.around(1.05f, 0.1f);
  t.centre = {d.around(0, 0.07f), d.around(0.06f, 0.07f)};
  t.head_width = d.around(t.male ? 0.60f : 0.56f, 0.05f);
  t.jaw = d.around(t.male ? 2.75f : 2.15f, 0.3f);
  t.chin = d.around(t.male ? 0.82f : 0.76f, 0.05f);
  t.nose_width = d.around(t.male ? 0.115f : 0.09f, 0.03f);
  t.nose_length = d.around(0.22f, 0.05f);
  t.eye_size = d.around(t.male ? 0.95f : 1.08f, 0.12f);
  t.eye_open = d.around(t.smiling ? 0.85f : 1, 0.2f) * (t.young ? 1 : 0.88f);
  t.brow_thick = d.around(t.male ? 0.036f : 0.021f, 0.008f);
  t.brow_tilt = d.around(-0.012f, 0.03f);
  t.mouth_width = d.around(0.22f, 0.03f) * (t.smiling ? 1.25f : 1);
  t.lip_full = d.around(t.male ? 0.045f : 0.06f, 0.015f);
  t.smile = t.smiling ? d.between(0.075f, 0.12f) : d.around(0.018f, 0.025f);
  t.teeth = t.smiling && d.chance(0.8f) ? d.between(0.06f, 0.1f) : 0;
}

void draw_style(Draws& d, Traits& t) {
  const bool longer = d.chance(t.male ? 0.08f : 0.8f);
  t.hair_length = longer ? d.between(0.45f, 1.25f) : d.between(-0.2f, 0.0f);
  t.hair_volume = longer ? d.between(0.10f, 0.22f) : d.between(0.05f, 0.13f);
  t.hairline = d.around(-0.52f, 0.05f) - (t.male && !t.young ? d.between(0, 0.16f) : 0);
  t.part = d.around(0, 0.5f);
  t.wave = d.chance(0.4f) ? d.between(0.02f, 0.06f) : 0;
  t.beard_density = d.between(0.6f, 0.95f);
  t.frame_round = d.unit();
  t.frame_thick = d.between(0.020f, 0.034f);
  t.texture = d.word();
}

}  // namespace

Traits draw_traits(std::uint64_t seed, std::int64_t index) {
  Draws draws(seed, index);
  Traits traits;
  draw_person(draws, traits);
  draw_colors(draws, traits);
  draw_shape(draws, traits);
  draw_style(draws, traits);
  return traits;
}

std::array<bool, kSynthAttributes.size()> attributes_of(const Traits& t) {
  return {t.bangs,
          t.hair_color == HairColor::black,
          t.hair_color == HairColor::blond,
          t.hair_color == HairColor::brown,
          t.glasses,
          t.hair_color == HairColor::gray,
          t.male,
          t.beard == Beard::none,
          t.pale,
          t.smiling,
          t.lipstick,
          t.young};
}

}  // namespace pgan::data::synth
