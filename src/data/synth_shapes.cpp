#include "data/synth_shapes.h"

#include "data/resample.h"

namespace pgan::data::synth {

float ellipse(Point p, Point radius) {
  const Point scaled{p.x / radius.x, p.y / radius.y};
  const float k = length(scaled);
  if (k < 1e-6f) return -std::min(radius.x, radius.y);
  return k * (k - 1) / length({scaled.x / radius.x, scaled.y / radius.y});
}

float superellipse(Point p, Point radius, float n) {
  const float sum = std::pow(std::abs(p.x) / radius.x, n) + std::pow(std::abs(p.y) / radius.y, n);
  return (std::pow(sum, 1 / n) - 1) * std::min(radius.x, radius.y);
}

float rounded_box(Point p, Point half, float corner) {
  const Point q{std::abs(p.x) - half.x + corner, std::abs(p.y) - half.y + corner};
  const float outside = length({std::max(q.x, 0.0f), std::max(q.y, 0.0f)});
  return outside + std::min(std::max(q.x, q.y), 0.0f) - corner;
}

float capsule(Point p, Point a, Point b, float thick) {
  const Point along = b - a, from = p - a;
  const float square = std::max(along.x * along.x + along.y * along.y, 1e-9f);
  const float t = unit((from.x * along.x + from.y * along.y) / square);
  return length({from.x - along.x * t, from.y - along.y * t}) - thick;
}

float stroke(Point p, Point a, Point b, Point c, float thick, float taper) {
  constexpr int kPieces = 6;
  float nearest = 9;
  Point last = a;
  for (int i = 1; i <= kPieces; ++i) {
    const float t = static_cast<float>(i) / kPieces, s = 1 - t;
    const Point next{s * s * a.x + 2 * s * t * b.x + t * t * c.x,
                     s * s * a.y + 2 * s * t * b.y + t * t * c.y};
    nearest = std::min(nearest, capsule(p, last, next, thick * mix(1, taper, t)));
    last = next;
  }
  return nearest;
}

float almond(Point p, float half_width, float above, float below) {
  const float height = p.y < 0 ? above : below;
  const float t = p.x / half_width;
  const float inside = std::abs(p.y) - height * (1 - t * t);
  return std::max(inside * 0.85f, std::abs(p.x) - half_width);
}

float value_noise(float x, float y, std::uint32_t seed) {
  const auto corner = [seed](int i, int j) {
    std::uint32_t h = seed + static_cast<std::uint32_t>(i) * 0x9E3779B1u +
                      static_cast<std::uint32_t>(j) * 0x85EBCA77u;
    h = (h ^ (h >> 15)) * 0x2C1B3C6Du;
    h = (h ^ (h >> 12)) * 0x297A2D39u;
    return static_cast<float>((h ^ (h >> 15)) >> 8) * 0x1p-24f;
  };
  const float fx = std::floor(x), fy = std::floor(y);
  const int i = static_cast<int>(fx), j = static_cast<int>(fy);
  const float u = ramp(0, 1, x - fx), v = ramp(0, 1, y - fy);
  return mix(mix(corner(i, j), corner(i + 1, j), u), mix(corner(i, j + 1), corner(i + 1, j + 1), u),
             v);
}

Canvas::Canvas(std::int64_t pixels, Point centre, float scale, float roll)
    : side_(pixels),
      centre_(centre),
      scale_(scale),
      cos_(std::cos(roll)),
      sin_(std::sin(roll)),
      pixel_(2 / static_cast<float>(pixels) / scale),
      colors_(static_cast<std::size_t>(pixels * pixels)) {}

Point Canvas::to_face(Point picture) const {
  const Point p{(picture.x - centre_.x) / scale_, (picture.y - centre_.y) / scale_};
  return {p.x * cos_ + p.y * sin_, p.y * cos_ - p.x * sin_};
}

Point Canvas::to_picture(Point face) const {
  const Point p{face.x * cos_ - face.y * sin_, face.x * sin_ + face.y * cos_};
  return {p.x * scale_ + centre_.x, p.y * scale_ + centre_.y};
}

std::int64_t Canvas::index_of(float position) const {
  const float index = (position + 1) / 2 * static_cast<float>(side_);
  return static_cast<std::int64_t>(std::clamp(index, 0.0f, static_cast<float>(side_ - 1)));
}

torch::Tensor Canvas::picture(std::int64_t size) const {
  torch::Tensor image = torch::empty({3, side_, side_}, torch::kFloat32);
  float* planes = image.mutable_data_ptr<float>();
  for (std::size_t i = 0; i < colors_.size(); ++i) {
    const float channels[3] = {colors_[i].r, colors_[i].g, colors_[i].b};
    for (std::size_t c = 0; c < 3; ++c) planes[c * colors_.size() + i] = 255 * unit(channels[c]);
  }
  while (image.size(1) > size) image = halve(image);
  return round_pixels(image);
}

}  // namespace pgan::data::synth
