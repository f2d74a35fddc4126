#include "data/synth_face.h"

namespace pgan::data::synth {
namespace {

constexpr float kEyeAngle = 0.42f, kEyeY = -0.015f, kMouthY = 0.46f;

void paint_eye(Canvas& canvas, const Traits& t, float side) {
  const Place eye = place_on_head(t, side * kEyeAngle, kEyeY);
  const float w = 0.125f * t.eye_size * eye.narrow, h = 0.058f * t.eye_size * t.eye_open;
  const Point low{eye.at.x - 0.25f, eye.at.y - 0.2f}, high{eye.at.x + 0.25f, eye.at.y + 0.2f};
  // The outer corner is a little higher, as seen on most faces.
  const auto local = [&](Point p) {
    return Point{p.x - eye.at.x, p.y - eye.at.y + side * 0.06f * (p.x - eye.at.x)};
  };
  const auto open = [&](Point p) { return canvas.edge(almond(local(p), w, h, h * 0.8f)); };
  const float lashes = t.male ? 0.012f : 0.024f;
  canvas.face_layer(
      low, high,
      [&](Point p) {
        const Point q = local(p);
        return 0.9f *
               canvas.edge(almond({q.x, q.y + lashes * 0.5f}, w + lashes, h + lashes, h * 0.8f));
      },
      [&](Point) { return t.skin * (t.male ? 0.28f : 0.16f); });
  canvas.face_layer(low, high, open, [&](Point p) {
    return Color{0.95f, 0.94f, 0.93f} * (0.78f + 0.22f * ramp(-h, 0, local(p).y));
  });
  const Point gaze{t.yaw * 0.03f, -0.004f};
  canvas.face_layer(
      low, high,
      [&](Point p) {
        return std::min(open(p), canvas.edge(length(local(p) - gaze) - 0.056f * t.eye_size));
      },
      [&](Point p) {
        const float r = length(local(p) - gaze) / t.eye_size;
        const float pupil = canvas.edge(r - 0.024f, 0.006f);
        return mix(t.iris * (0.65f + 6 * r), Color{0.02f, 0.02f, 0.02f},
                   std::max(pupil, ramp(0.042f, 0.058f, r)));
      });
  const Point glint{eye.at.x + gaze.x + 0.02f * (t.light.x > 0 ? 1.0f : -1.0f), eye.at.y - 0.022f};
  canvas.face_layer(
      low, high, [&](Point p) { return 0.95f * canvas.edge(length(p - glint) - 0.012f); },
      [](Point) {
        return Color{1, 1, 1};
      });
}

void paint_brow(Canvas& canvas, const Traits& t, float side) {
  const Place inner = place_on_head(t, side * 0.20f, -0.165f),
              outer = place_on_head(t, side * 0.70f, -0.165f);
  const float lift = (t.male ? 0.02f : 0.05f) + (t.smiling ? 0.015f : 0);
  const Point a{inner.at.x, inner.at.y + t.brow_tilt},
      c{outer.at.x, outer.at.y + 0.02f - t.brow_tilt};
  const Point b{mix(a.x, c.x, 0.6f), std::min(a.y, c.y) - lift * 1.4f};
  const Color brow =
      mix(t.hair * 0.6f, t.skin * 0.35f, t.hair_color == HairColor::blond ? 0.45f : 0.15f);
  canvas.face_layer(
      {std::min(a.x, c.x) - 0.1f, b.y - 0.1f},
      {std::max(a.x, c.x) + 0.1f, std::max(a.y, c.y) + 0.1f},
      [&](Point p) { return 0.9f * canvas.edge(stroke(p, a, b, c, t.brow_thick, 0.4f), 0.014f); },
      [&](Point) { return brow; });
}

/// Heights of the mouth's curves at t = x / half width in -1..1.
struct MouthCurves {
  float upper, line, open, lower;
};
MouthCurves mouth_curves(const Traits& t, float x) {
  const float round = 1 - x * x;
  const float line = -t.smile * x * x + t.smile * 0.45f;
  const float bow = 0.25f * t.lip_full * std::exp(-x * x * 30);
  const float open = line + t.teeth * round;
  return {line - t.lip_full * 0.8f * round + bow * round, line, open,
          open + t.lip_full * 1.15f * round};
}

}  // namespace

void paint_eyes(Canvas& canvas, const Traits& t) {
  for (const float side : {-1.0f, 1.0f}) {
    paint_eye(canvas, t, side);
    paint_brow(canvas, t, side);
  }
}

void paint_mouth(Canvas& canvas, const Traits& t) {
  const Place mouth = place_on_head(t, 0, kMouthY, 1.05f);
  const float w = t.mouth_width * std::cos(t.yaw);
  const Point low{mouth.at.x - w - 0.05f, mouth.at.y - 0.25f},
      high{mouth.at.x + w + 0.05f, mouth.at.y + 0.35f};
  const auto across = [&](Point p) { return (p.x - mouth.at.x) / w; };
  const auto between = [&](Point p, float top, float bottom) {
    const float y = p.y - mouth.at.y;
    return std::max({top - y, y - bottom, (std::abs(across(p)) - 1) * w});
  };
  canvas.face_layer(
      low, high,
      [&](Point p) {
        const MouthCurves at = mouth_curves(t, across(p));
        return canvas.edge(between(p, at.upper, at.lower), 0.008f);
      },
      [&](Point p) {
        const MouthCurves at = mouth_curves(t, across(p));
        const float lower = ramp(at.open, at.lower, p.y - mouth.at.y);
        return t.lips *
               (p.y - mouth.at.y < at.line ? 0.88f : 0.95f + 0.18f * lower * (1 - lower) * 4);
      });
  if (t.teeth > 0) {
    canvas.face_layer(
        low, high,
        [&](Point p) {
          const MouthCurves at = mouth_curves(t, across(p) * 1.06f);
          return canvas.edge(between(p, at.line, at.open), 0.006f);
        },
        [&](Point p) {
          const float side = ramp(0.55f, 1.0f, std::abs(across(p)));
          return Color{0.97f, 0.95f, 0.92f} * (1 - 0.5f * side);
        });
  }
  canvas.face_layer(
      low, high,
      [&](Point p) {
        const float line = mouth_curves(t, across(p)).line;
        return 0.8f * canvas.edge(between(p, line - 0.008f, line + 0.008f), 0.012f);
      },
      [&](Point) { return t.lips * 0.35f; });
}

void paint_glasses(Canvas& canvas, const Traits& t) {
  if (!t.glasses) return;
  const Place left = place_on_head(t, -kEyeAngle, kEyeY + 0.015f, 1.04f),
              right = place_on_head(t, kEyeAngle, kEyeY + 0.015f, 1.04f);
  const auto lens = [&](Point p, const Place& eye) {
    const Point half{0.205f * eye.narrow, mix(0.135f, 0.18f, t.frame_round)};
    return rounded_box(p - eye.at, half, mix(0.05f, 0.17f, t.frame_round));
  };
  // To the temple; none on the side that is turned away.
  const auto arm = [&](Point p, const Place& eye, float side) {
    const Point from{eye.at.x + side * 0.2f * eye.narrow, eye.at.y - 0.05f};
    const Point to{side * 0.93f * t.head_width, from.y - 0.02f};
    return side * (to.x - from.x) > 0 ? capsule(p, from, to, t.frame_thick * 0.8f) : 9.0f;
  };
  const Point low{-0.95f, -0.35f + t.pitch}, high{0.95f, 0.35f + t.pitch};
  const auto both = [&](Point p) { return std::min(lens(p, left), lens(p, right)); };
  canvas.face_layer(
      low, high, [&](Point p) { return 0.16f * canvas.edge(both(p)); },
      [&](Point p) {
        return Color{0.75f, 0.82f, 0.9f} * (0.6f + 0.6f * ramp(-0.1f, 0.1f, p.x * 0.5f - p.y));
      });
  canvas.face_layer(
      low, high,
      [&](Point p) {
        const float rims = std::abs(both(p)) - t.frame_thick;
        const Point bridge{(left.at.x + right.at.x) / 2, left.at.y - 0.035f};
        const float gap = (right.at.x - left.at.x) / 2 - 0.2f * (left.narrow + right.narrow) / 2;
        const float nose =
            capsule(p, {bridge.x - gap, bridge.y}, {bridge.x + gap, bridge.y}, t.frame_thick);
        const float arms = std::min(arm(p, left, -1), arm(p, right, 1));
        return canvas.edge(std::min({rims, nose, arms}));
      },
      [&](Point) { return t.frame; });
}

}  // namespace pgan::data::synth
