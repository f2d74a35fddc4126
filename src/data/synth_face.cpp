#include "data/synth_face.h"

namespace pgan::data {
namespace synth {
namespace {

constexpr Color kBlush{1.0f, 0.45f, 0.42f};

/// Light on the head, as on an ellipsoid, in about 0.6 .. 1.1.
float head_light(const Traits& t, Point p) {
  const float x = p.x / (t.head_width * 1.06f), y = p.y / 0.95f;
  const float z = std::sqrt(std::max(0.05f, 1 - x * x - y * y));
  const float norm = std::sqrt(1 + t.light.x * t.light.x + t.light.y * t.light.y);
  const float facing = std::max(0.0f, (x * t.light.x + y * t.light.y + z) / norm);
  return 0.62f + 0.46f * facing;
}

void paint_soft(Canvas& canvas, Point at, Point radius, Color color, float opacity) {
  const Point reach{radius.x * 1.6f, radius.y * 1.6f};
  canvas.face_layer(
      {at.x - reach.x, at.y - reach.y}, {at.x + reach.x, at.y + reach.y},
      [&](Point p) {
        const Point q{(p.x - at.x) / radius.x, (p.y - at.y) / radius.y};
        return opacity * ramp(1.6f, 0.0f, length(q));
      },
      [&](Point) { return color; });
}

}  // namespace

Place place_on_head(const Traits& t, float angle, float y, float bulge) {
  return {{std::sin(angle + t.yaw) * t.head_width * bulge, y + t.pitch},
          std::cos(angle + t.yaw) / std::cos(angle)};
}

float head_distance(const Traits& t, Point p) {
  return p.y < 0 ? ellipse(p, {t.head_width, 0.80f})
                 : superellipse(p, {t.head_width, t.chin}, mix(2.0f, t.jaw, unit(p.y * 2)));
}

void paint_backdrop(Canvas& canvas, const Traits& t) {
  canvas.backdrop([&](Point p, Color) {
    const Color slope = mix(t.backdrop_top, t.backdrop_bottom, (p.y + 1) / 2);
    const float blur = value_noise(p.x * 1.3f + 7, p.y * 1.3f + 7, t.texture);
    return slope * (0.8f + 0.4f * blur);
  });
}

void paint_body(Canvas& canvas, const Traits& t) {
  const float neck = t.male ? 0.36f : 0.27f;
  const Point shoulders{t.male ? 1.15f : 0.98f, 0.62f};
  canvas.face_layer(
      {-0.6f, 0.3f}, {0.6f, 2.0f},
      [&](Point p) {
        return canvas.edge(rounded_box(p - Point{0, 0.9f}, {neck, 0.6f}, 0.1f));
      },
      [&](Point p) {
        const float shade = 0.62f + 0.22f * ramp(t.chin, t.chin + 0.35f, p.y);
        return t.skin * (shade + 0.10f * t.light.x * p.x);
      });
  canvas.face_layer(
      {-1.8f, 0.7f}, {1.8f, 2.4f},
      [&](Point p) {
        const float body = ellipse(p - Point{0, 1.68f}, shoulders);
        const float collar = ellipse(p - Point{0, 1.02f}, {neck * 1.05f, 0.22f});
        return canvas.edge(std::max(body, -collar));
      },
      [&](Point p) {
        return t.clothes * (0.85f + 0.25f * unit(1 - std::abs(p.x - t.light.x * 0.5f)));
      });
}

void paint_head(Canvas& canvas, const Traits& t) {
  const Color skin = t.young ? t.skin : mix(t.skin, Color{0.72f, 0.60f, 0.55f}, 0.16f);
  for (const float side : {-1.0f, 1.0f}) {
    const Point at{side * (t.head_width + 0.015f) - t.yaw * 0.1f, 0.02f + t.pitch};
    canvas.face_layer(
        {at.x - 0.2f, at.y - 0.25f}, {at.x + 0.2f, at.y + 0.25f},
        [&](Point p) {
          return canvas.edge(ellipse(p - at, {0.075f, 0.14f}));
        },
        [&](Point p) {
          return skin * (0.72f + 0.15f * canvas.edge(-ellipse(p - at, {0.04f, 0.09f}), 0.04f));
        });
  }
  canvas.face_layer(
      {-0.8f, -0.9f}, {0.8f, 1.0f}, [&](Point p) { return canvas.edge(head_distance(t, p)); },
      [&](Point p) { return skin * head_light(t, p); });
  for (const float side : {-1.0f, 1.0f}) {
    const Place cheek = place_on_head(t, side * 0.55f, 0.26f);
    paint_soft(canvas, cheek.at, {0.15f * cheek.narrow, 0.13f}, skin * kBlush,
               (t.lipstick || t.smiling ? 0.32f : 0.18f));
    const Place socket = place_on_head(t, side * 0.42f, -0.06f);
    paint_soft(canvas, socket.at, {0.16f * socket.narrow, 0.10f}, skin * 0.62f, 0.42f);
  }
  const Place brow = place_on_head(t, 0, -0.36f);
  paint_soft(canvas, brow.at, {0.28f, 0.12f}, mix(skin, Color{1, 1, 1}, 0.5f), 0.22f);
}

void paint_nose(Canvas& canvas, const Traits& t) {
  const float tip_y = -0.02f + t.nose_length + 0.04f;
  const Place root = place_on_head(t, 0, -0.08f, 0.95f), tip = place_on_head(t, 0, tip_y, 1.25f);
  const float w = t.nose_width, shade_side = t.light.x > 0 ? -1.0f : 1.0f;
  const Point low{std::min(root.at.x, tip.at.x) - 0.3f, -0.3f},
      high{std::max(root.at.x, tip.at.x) + 0.3f, 0.6f};
  canvas.face_layer(
      low, high,
      [&](Point p) {
        const Point from{root.at.x + shade_side * 0.045f, root.at.y};
        const Point to{tip.at.x + shade_side * w * 0.85f, tip.at.y};
        return 0.42f * canvas.edge(capsule(p, from, to, 0.028f), 0.07f);
      },
      [&](Point) { return t.skin * 0.55f; });
  paint_soft(canvas, {tip.at.x, tip.at.y + 0.045f}, {w * 1.15f, 0.05f}, t.skin * 0.48f, 0.5f);
  paint_soft(canvas, {tip.at.x - shade_side * 0.02f, tip.at.y - 0.03f}, {w * 0.6f, 0.055f},
             mix(t.skin, Color{1, 1, 1}, 0.55f), 0.5f);
  for (const float side : {-1.0f, 1.0f}) {
    const Point nostril{tip.at.x + side * w * 0.55f, tip.at.y + 0.035f};
    canvas.face_layer(
        {nostril.x - 0.1f, nostril.y - 0.1f}, {nostril.x + 0.1f, nostril.y + 0.1f},
        [&](Point p) {
          return 0.75f * canvas.edge(ellipse(p - nostril, {w * 0.3f, 0.016f}), 0.012f);
        },
        [&](Point) { return t.skin * 0.28f; });
  }
}

void paint_age(Canvas& canvas, const Traits& t) {
  const Color fold = t.skin * 0.55f;
  const auto line = [&](Point a, Point b, Point c, float thick, float opacity) {
    canvas.face_layer(
        {-0.8f, -0.8f}, {0.8f, 0.9f},
        [&](Point p) { return opacity * canvas.edge(stroke(p, a, b, c, thick, 0.4f), 0.02f); },
        [&](Point) { return fold; });
  };
  const float creases = t.young ? (t.smiling ? 0.28f : 0.0f) : 0.6f;
  const Place nose = place_on_head(t, 0, 0.2f, 1.1f), mouth = place_on_head(t, 0, 0.46f, 1.05f);
  for (const float side : {-1.0f, 1.0f}) {
    if (creases > 0) {
      line({nose.at.x + side * 0.13f, nose.at.y}, {mouth.at.x + side * 0.26f, 0.32f + t.pitch},
           {mouth.at.x + side * (t.mouth_width + 0.07f), 0.48f + t.pitch}, 0.013f, creases);
    }
    if (t.young) continue;
    const Place eye = place_on_head(t, side * 0.42f, 0.0f);
    line({eye.at.x - 0.09f, 0.10f + t.pitch}, {eye.at.x, 0.155f + t.pitch},
         {eye.at.x + 0.09f, 0.10f + t.pitch}, 0.012f, 0.5f);
  }
  if (t.young || t.bangs) return;
  for (const float y : {-0.42f, -0.34f}) {
    const Place brow = place_on_head(t, 0, y);
    line({brow.at.x - 0.24f, brow.at.y + 0.02f}, {brow.at.x, brow.at.y - 0.03f},
         {brow.at.x + 0.24f, brow.at.y + 0.02f}, 0.009f, 0.45f);
  }
}

}  // namespace synth

SynthFace draw_face(std::uint64_t seed, std::int64_t index, std::int64_t size) {
  using namespace synth;
  const Traits t = draw_traits(seed, index);
  // Small pictures are means of larger ones, so that thin lines keep their weight.
  std::int64_t side = size;
  while (side < 128 || (side < 512 && side < 2 * size)) side *= 2;
  Canvas canvas(side, t.centre, t.scale, t.roll);
  paint_backdrop(canvas, t);
  paint_hair_behind(canvas, t);
  paint_body(canvas, t);
  paint_head(canvas, t);
  paint_age(canvas, t);
  paint_beard(canvas, t);
  paint_nose(canvas, t);
  paint_mouth(canvas, t);
  paint_eyes(canvas, t);
  paint_hair(canvas, t);
  paint_glasses(canvas, t);
  canvas.backdrop([&](Point p, Color under) {
    return under * t.light_tint * (1 - 0.10f * (p.x * p.x + p.y * p.y));
  });
  return {canvas.picture(size), attributes_of(t)};
}

}  // namespace pgan::data
