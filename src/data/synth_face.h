#pragma once
#include "data/synth_shapes.h"
#include "data/synth_traits.h"

namespace pgan::data::synth {

/// Where a feature of the head is seen: the head is an ellipsoid turned by the face's yaw.
struct Place {
  Point at;
  float narrow = 1;  ///< its width, as a share of that seen from the front
};
/// angle: radians round the head from the face's middle; bulge: its distance from the head's axis.
Place place_on_head(const Traits& t, float angle, float y, float bulge = 1);

/// Signed distance of the head's outline.
float head_distance(const Traits& t, Point p);

void paint_backdrop(Canvas& canvas, const Traits& t);
void paint_body(Canvas& canvas, const Traits& t);
void paint_head(Canvas& canvas, const Traits& t);
void paint_eyes(Canvas& canvas, const Traits& t);
void paint_nose(Canvas& canvas, const Traits& t);
void paint_mouth(Canvas& canvas, const Traits& t);
void paint_age(Canvas& canvas, const Traits& t);
void paint_glasses(Canvas& canvas, const Traits& t);
void paint_hair_behind(Canvas& canvas, const Traits& t);
void paint_hair(Canvas& canvas, const Traits& t);
void paint_beard(Canvas& canvas, const Traits& t);

}  // namespace pgan::data::synth
