#include "data/synth_face.h"

namespace pgan::data::synth {
namespace {

constexpr Point kCrown{0, -0.62f};

/// Strands that run from the crown outwards, with a band of shine.
Color hair_color(const Traits& t, Point p) {
  const Point from = p - kCrown;
  const float angle = std::atan2(from.x, std::max(from.y + 0.6f, 0.05f)), distance = length(from);
  const float bend = t.wave * 12 * std::sin(distance * 9);
  const float fine = value_noise(angle * 34 + bend, distance * 2.5f, t.texture);
  const float coarse = value_noise(angle * 9 + bend, distance * 1.5f, t.texture + 1);
  const float shine =
      std::exp(-40 * (distance - 0.3f) * (distance - 0.3f)) * unit(0.7f + t.light.x * p.x);
  const float shade = 0.62f + 0.32f * fine + 0.28f * coarse;
  return mix(t.hair * shade, Color{1, 0.97f, 0.92f}, 0.16f * shine);
}

/// The hair's outer shape: a cap that comes close to the head at the ears, or a curtain down to the
/// hair's end.
float hair_outline(const Traits& t, Point p) {
  const float ripple = t.wave * std::sin(p.y * 13 + (p.x > 0 ? 1.0f : 0.0f));
  const bool longer = t.hair_length > 0;
  const float fullness = longer ? 1.0f : mix(0.2f, 1.0f, ramp(0.0f, -0.5f, p.y));
  const float cap = ellipse({p.x + ripple * 0.5f, p.y + 0.14f},
                            {t.head_width + t.hair_volume * fullness, 0.74f + t.hair_volume});
  if (!longer) return cap;
  const float middle = (t.hair_length - 0.4f) / 2, half = (t.hair_length + 0.4f) / 2;
  const float curtain = rounded_box({std::abs(p.x) + ripple, p.y - middle},
                                    {t.head_width + t.hair_volume, half}, 0.25f);
  return std::min(cap, curtain);
}

/// y of the forehead's edge of the hair at x; hair grows above it.
float hairline(const Traits& t, float x) {
  const float u = x / t.head_width;
  const float ragged = 0.05f * (value_noise(x * 16, 3, t.texture) - 0.5f);
  const float temple =
      std::pow(std::abs(u), t.bangs ? 6.0f : 3.2f) * (t.hair_length > 0 ? 1.1f : 0.62f);
  if (t.bangs) return -0.235f + ragged + temple * 0.5f + 0.03f * u * t.part;
  const float parted = 0.16f * (u - t.part) * (u - t.part);
  return t.hairline + parted + temple + ragged * 0.6f;
}

}  // namespace

void paint_hair_behind(Canvas& canvas, const Traits& t) {
  if (t.hair_length <= 0) return;
  canvas.face_layer(
      {-1.1f, -1.2f}, {1.1f, 1.7f}, [&](Point p) { return canvas.edge(hair_outline(t, p), 0.02f); },
      [&](Point p) { return hair_color(t, p) * mix(0.8f, 0.5f, unit(p.y)); });
}

void paint_hair(Canvas& canvas, const Traits& t) {
  const auto front = [&](Point p) { return p.y - hairline(t, p.x - t.yaw * 0.12f); };
  canvas.face_layer(
      {-1.0f, -1.2f}, {1.0f, 1.0f},
      [&](Point p) {
        return 0.35f * canvas.edge(std::max(head_distance(t, p), front(p) - 0.05f), 0.09f);
      },
      [&](Point) { return t.skin * 0.4f; });
  const float lowest = t.hair_length > 0 ? 9.0f : 0.06f + t.hair_length;
  canvas.face_layer(
      {-1.1f, -1.2f}, {1.1f, 1.7f},
      [&](Point p) {
        const float shape = std::max(hair_outline(t, p), front(p));
        return std::min(canvas.edge(shape, 0.018f), canvas.edge(p.y - lowest, 0.06f));
      },
      [&](Point p) { return hair_color(t, p); });
}

void paint_beard(Canvas& canvas, const Traits& t) {
  if (t.beard == Beard::none) return;
  const Place mouth = place_on_head(t, 0, 0.46f, 1.05f);
  const Color color = mix(t.hair * 0.75f, t.skin * 0.4f, 0.2f);
  const auto moustache = [&](Point p) {
    return stroke({std::abs(p.x - mouth.at.x), p.y - mouth.at.y}, {0, -0.10f}, {0.12f, -0.11f},
                  {t.mouth_width + 0.02f, -0.01f}, 0.045f, 0.4f);
  };
  const auto goatee = [&](Point p) {
    return ellipse(p - Point{mouth.at.x, t.chin - 0.13f + t.pitch}, {0.21f, 0.17f});
  };
  const auto full = [&](Point p) {
    const float u = (p.x - t.yaw * 0.15f) / t.head_width;
    return std::max(0.33f - 0.42f * u * u * u * u + t.pitch - p.y, head_distance(t, p) - 0.03f);
  };
  canvas.face_layer(
      {-0.8f, -0.1f}, {0.8f, 1.1f},
      [&](Point p) {
        float shape = moustache(p);
        if (t.beard != Beard::moustache) shape = std::min(shape, goatee(p));
        if (t.beard == Beard::full) shape = std::min(shape, full(p));
        return t.beard_density * canvas.edge(shape, 0.05f);
      },
      [&](Point p) {
        return color * (0.75f + 0.5f * value_noise(p.x * 30, p.y * 18, t.texture + 2));
      });
}

}  // namespace pgan::data::synth
