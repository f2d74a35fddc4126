#pragma once
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include <torch/types.h>

namespace pgan::data::synth {

/// Position in a picture's or a face's plane: x to the right, y down, about -1 to 1.
struct Point {
  float x = 0, y = 0;
};
/// Linear mix of red, green and blue in 0..1.
struct Color {
  float r = 0, g = 0, b = 0;
};

inline Point operator-(Point a, Point b) {
  return {a.x - b.x, a.y - b.y};
}
inline Color operator*(Color c, float k) {
  return {c.r * k, c.g * k, c.b * k};
}
inline Color operator*(Color a, Color b) {
  return {a.r * b.r, a.g * b.g, a.b * b.b};
}
inline float length(Point p) {
  return std::hypot(p.x, p.y);
}
inline float mix(float a, float b, float t) {
  return a + (b - a) * t;
}
inline Color mix(Color a, Color b, float t) {
  return {mix(a.r, b.r, t), mix(a.g, b.g, t), mix(a.b, b.b, t)};
}
inline float unit(float x) {
  return std::clamp(x, 0.0f, 1.0f);
}
/// 0 below a, 1 above b, smooth between.
inline float ramp(float a, float b, float x) {
  const float t = unit((x - a) / (b - a));
  return t * t * (3 - 2 * t);
}

/// Signed distances, negative inside (approximate for ellipses: exact at the outline).
float ellipse(Point p, Point radius);
/// |x/rx|^n + |y/ry|^n = 1.
float superellipse(Point p, Point radius, float n);
float rounded_box(Point p, Point half, float corner);
/// A line from a to b, `thick` on each side.
float capsule(Point p, Point a, Point b, float thick);
/// A quadratic Bezier curve from a over b to c; thick(t) tapers to `taper` of its value at c.
float stroke(Point p, Point a, Point b, Point c, float thick, float taper);
/// The lens of two circles: half width and half heights above and below.
float almond(Point p, float half_width, float above, float below);
/// Smooth noise in 0..1 with features of about 1 unit.
float value_noise(float x, float y, std::uint32_t seed);

/// A square picture of float colours that layers are painted on, in order.
class Canvas {
 public:
  /// pixels: a side. The face's plane is rotated by roll (radians), then scaled, then moved.
  Canvas(std::int64_t pixels, Point centre, float scale, float roll);

  /// Paints `color(p)` with opacity `cover(p)` in 0..1; p in the face's plane, or in the picture's.
  template <class Cover, class Paint>
  void face_layer(Point low, Point high, Cover cover, Paint color);
  template <class Paint>
  void backdrop(Paint color);
  /// Opacity of a shape from its distance: one pixel wide, or `soft` where that is more.
  float edge(float distance, float soft = 0) const {
    return unit(0.5f - distance / std::max(pixel_, soft));
  }
  /// uint8 [3,size,size]: means of blocks where the canvas is larger.
  torch::Tensor picture(std::int64_t size) const;

 private:
  Point to_face(Point picture) const;
  Point to_picture(Point face) const;
  float centre_of(std::int64_t i) const {
    return (static_cast<float>(i) + 0.5f) * 2 / static_cast<float>(side_) - 1;
  }
  std::int64_t index_of(float position) const;

  std::int64_t side_;
  Point centre_;
  float scale_, cos_, sin_, pixel_;
  std::vector<Color> colors_;
};

template <class Cover, class Paint>
void Canvas::face_layer(Point low, Point high, Cover cover, Paint color) {
  Point from{9, 9}, to{-9, -9};
  for (const Point corner : {low, high, Point{low.x, high.y}, Point{high.x, low.y}}) {
    const Point at = to_picture(corner);
    from = {std::min(from.x, at.x), std::min(from.y, at.y)};
    to = {std::max(to.x, at.x), std::max(to.y, at.y)};
  }
  for (std::int64_t y = index_of(from.y); y <= index_of(to.y); ++y) {
    for (std::int64_t x = index_of(from.x); x <= index_of(to.x); ++x) {
      const Point p = to_face({centre_of(x), centre_of(y)});
      const float opacity = unit(cover(p));
      if (opacity <= 0) continue;
      Color& under = colors_[static_cast<std::size_t>(y * side_ + x)];
      under = mix(under, color(p), opacity);
    }
  }
}

template <class Paint>
void Canvas::backdrop(Paint color) {
  for (std::int64_t y = 0; y < side_; ++y) {
    for (std::int64_t x = 0; x < side_; ++x) {
      Color& under = colors_[static_cast<std::size_t>(y * side_ + x)];
      under = color(Point{centre_of(x), centre_of(y)}, under);
    }
  }
}

}  // namespace pgan::data::synth
