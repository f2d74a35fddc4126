#pragma once
#include <array>
#include <cstdint>

#include "data/synth.h"
#include "data/synth_shapes.h"

namespace pgan::data::synth {

enum class HairColor { black, blond, brown, gray, auburn };
enum class Beard { none, moustache, goatee, full };

/// All that a drawn face is made from. Lengths in the face's plane, where the head is about 1.2
/// wide.
struct Traits {
  bool male = false, young = true, pale = false, smiling = false;
  bool glasses = false, bangs = false, lipstick = false;
  HairColor hair_color = HairColor::brown;
  Beard beard = Beard::none;

  float yaw = 0, pitch = 0, roll = 0, scale = 1;  ///< radians; scale of the head in the picture
  Point centre;
  Color skin, hair, iris, lips, clothes, backdrop_top, backdrop_bottom, frame, light_tint;
  Point light;  ///< where the light comes from, in the picture's plane
  float head_width = 0, jaw = 0, chin = 0;
  float hair_length = 0;  ///< y of the hair's end below; <= 0: short
  float hair_volume = 0, hairline = 0, part = 0, wave = 0;
  float eye_size = 1, eye_open = 1, brow_thick = 0, brow_tilt = 0;
  float nose_width = 0, nose_length = 0, mouth_width = 0, lip_full = 0, smile = 0, teeth = 0;
  float beard_density = 0, frame_round = 0, frame_thick = 0;
  std::uint32_t texture = 0;  ///< seed of hair strands and backdrop
};

/// The traits of face (seed, index). Pure.
Traits draw_traits(std::uint64_t seed, std::int64_t index);
std::array<bool, kSynthAttributes.size()> attributes_of(const Traits& traits);

}  // namespace pgan::data::synth
