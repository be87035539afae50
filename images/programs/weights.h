// Which numbers are the weights and inputs of a network? The same bits as workloads/weights.py makes.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace bench {

using Shape = std::vector<int64_t>;

inline size_t count(const Shape& shape) {
  size_t total = 1;
  for (int64_t length : shape) total *= static_cast<size_t>(length);
  return total;
}

// SHA-256 of a text, as 32 bytes (FIPS 180-4).
inline std::array<uint8_t, 32> sha256(const std::string& text) {
  static const uint32_t K[64] = {
      0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
      0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
      0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
      0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
      0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
      0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
      0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
      0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};
  uint32_t h[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  std::vector<uint8_t> message(text.begin(), text.end());
  const uint64_t bits = 8 * static_cast<uint64_t>(text.size());
  message.push_back(0x80);
  while (message.size() % 64 != 56) message.push_back(0);
  for (int shift = 56; shift >= 0; shift -= 8) message.push_back(static_cast<uint8_t>(bits >> shift));
  const auto rotate = [](uint32_t x, int by) { return (x >> by) | (x << (32 - by)); };
  for (size_t block = 0; block < message.size(); block += 64) {
    uint32_t w[64];
    for (int i = 0; i < 16; ++i) {
      const uint8_t* p = &message[block + 4 * i];
      w[i] = uint32_t{p[0]} << 24 | uint32_t{p[1]} << 16 | uint32_t{p[2]} << 8 | uint32_t{p[3]};
    }
    for (int i = 16; i < 64; ++i) {
      const uint32_t s0 = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ (w[i - 15] >> 3);
      const uint32_t s1 = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ (w[i - 2] >> 10);
      w[i] = w[i - 16] + s0 + w[i - 7] + s1;
    }
    uint32_t v[8];
    std::memcpy(v, h, sizeof v);
    for (int i = 0; i < 64; ++i) {
      const uint32_t s1 = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25);
      const uint32_t t1 = v[7] + s1 + ((v[4] & v[5]) ^ (~v[4] & v[6])) + K[i] + w[i];
      const uint32_t s0 = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22);
      const uint32_t t2 = s0 + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
      std::memmove(v + 1, v, 7 * sizeof *v);
      v[4] += t1;
      v[0] = t1 + t2;
    }
    for (int i = 0; i < 8; ++i) h[i] += v[i];
  }
  std::array<uint8_t, 32> digest;
  for (int i = 0; i < 32; ++i) digest[i] = static_cast<uint8_t>(h[i / 4] >> (24 - 8 * (i % 4)));
  return digest;
}

// out[i] = center + halfwidth * u, u uniform in [-1, 1): a hash (lowbias32) of seed, name and i alone.
inline void fill(float* out, size_t size, int64_t seed, const std::string& name, double center, double halfwidth) {
  const auto digest = sha256(std::to_string(seed) + "/" + name);
  const auto word = [&](int at) {
    return uint32_t{digest[at]} | uint32_t{digest[at + 1]} << 8 | uint32_t{digest[at + 2]} << 16 |
           uint32_t{digest[at + 3]} << 24;
  };
  const uint32_t start = word(0), stride = word(4) | 1;
  const float scale = static_cast<float>(halfwidth / 2147483648.0);
  const float middle = static_cast<float>(center);
  for (size_t i = 0; i < size; ++i) {
    uint32_t x = start + static_cast<uint32_t>(i) * stride;
    x = (x ^ (x >> 16)) * 0x21F0AAADu;
    x = (x ^ (x >> 15)) * 0xD35A2D97u;
    x ^= x >> 15;
    const float product = static_cast<float>(static_cast<int32_t>(x)) * scale;
    out[i] = center != 0 ? product + middle : product;
  }
}

// (center, half-width) of the uniform distribution that a weight is drawn from.
inline std::pair<double, double> interval(const std::string& op, const std::string& key, const Shape& shape) {
  if (op == "LayerNormalization") return key == "scale" ? std::pair{1.0, 0.4} : std::pair{0.0, 0.5};
  if (op == "Gather") return {0.0, std::sqrt(3.0)};
  if (op == "LSTM" || op == "GRU") return {0.0, key == "B" ? 0.5 : std::sqrt(6.0 / static_cast<double>(shape.at(2)))};
  if (op == "BatchNormalization") {
    if (key == "scale") return {1.3, 0.4};
    if (key == "var") return {2.0, 1.0};
    return {0.0, 0.5};
  }
  if (shape.size() > 1) {
    const Shape inner(shape.begin() + 1, shape.end());
    return {0.0, std::sqrt(6.0 / static_cast<double>(count(inner)))};
  }
  return {0.0, 0.5};
}

// Whether a weight counts as a parameter: a batch-norm's running statistics are not learnt.
inline bool learnt(const std::string& key) { return key != "mean" && key != "var"; }

// One weight of a node into `out`; `gain` scales what is learnt.
inline void fill_weight(float* out, int64_t seed, const std::string& op, const std::string& node,
                        const std::string& key, const Shape& shape, double gain) {
  auto [center, halfwidth] = interval(op, key, shape);
  const double by = learnt(key) ? gain : 1.0;
  fill(out, count(shape), seed, node + "." + key, center * by, halfwidth * by);
}

// One input: zero mean and unit variance, as a standardised image has.
inline void fill_input(float* out, int64_t seed, const std::string& name, const Shape& shape) {
  fill(out, count(shape), seed, "input." + name, 0.0, std::sqrt(3.0));
}

}  // namespace bench
