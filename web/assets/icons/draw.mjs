// Draws the mark of icon.svg as PNG files, so that no picture has to be committed.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import * as zlib from "node:zlib";

const line = [[14, 42], [26, 30], [35, 38], [50, 20]];
const ground = [0x17, 0x17, 0x1f];
const stroke = [0xa9, 0x9b, 0xff];
const dot = [0xf2, 0xf0, 0xff];

// Everything below is in the SVG's own units, 64 to a side.
function distanceToSegment(x, y, [ax, ay], [bx, by]) {
  const dx = bx - ax;
  const dy = by - ay;
  const along = Math.max(0, Math.min(1, ((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy)));
  return Math.hypot(x - ax - along * dx, y - ay - along * dy);
}

function insideRounded(x, y, radius) {
  const cx = Math.max(radius, Math.min(64 - radius, x));
  const cy = Math.max(radius, Math.min(64 - radius, y));
  return Math.hypot(x - cx, y - cy) <= radius;
}

// colourAt returns [r, g, b] or null where the picture is transparent.
function colourAt(x, y, { radius, scale, mono }) {
  const mx = 32 + (x - 32) / scale;
  const my = 32 + (y - 32) / scale;
  if (Math.hypot(mx - 50, my - 20) <= 6) return mono ? [255, 255, 255] : dot;
  for (let i = 1; i < line.length; i++) {
    if (distanceToSegment(mx, my, line[i - 1], line[i]) <= 3) return mono ? [255, 255, 255] : stroke;
  }
  if (mono) return null;
  return insideRounded(x, y, radius) ? ground : null;
}

function pixels(size, look) {
  const samples = 4;
  const out = Buffer.alloc(size * (size * 4 + 1));
  for (let py = 0; py < size; py++) {
    for (let px = 0; px < size; px++) {
      const sum = [0, 0, 0];
      let hits = 0;
      for (let s = 0; s < samples * samples; s++) {
        const x = ((px + ((s % samples) + 0.5) / samples) * 64) / size;
        const y = ((py + (Math.floor(s / samples) + 0.5) / samples) * 64) / size;
        const colour = colourAt(x, y, look);
        if (!colour) continue;
        hits++;
        colour.forEach((c, i) => (sum[i] += c));
      }
      const at = py * (size * 4 + 1) + 1 + px * 4;
      sum.forEach((c, i) => (out[at + i] = hits ? Math.round(c / hits) : 0));
      out[at + 3] = Math.round((255 * hits) / (samples * samples));
    }
  }
  return out;
}

function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(data.length);
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(checksum(body));
  return Buffer.concat([length, body, sum]);
}

// zlib.crc32 is younger than some Node versions we build with.
function checksum(data) {
  if (zlib.crc32) return zlib.crc32(data);
  let crc = ~0;
  for (const byte of data) {
    crc ^= byte;
    for (let k = 0; k < 8; k++) crc = (crc >>> 1) ^ (0xedb88320 & -(crc & 1));
  }
  return ~crc >>> 0;
}

function png(size, look) {
  const head = Buffer.alloc(13);
  head.writeUInt32BE(size, 0);
  head.writeUInt32BE(size, 4);
  head.set([8, 6, 0, 0, 0], 8); // 8 bits, colour with alpha
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", head),
    chunk("IDAT", zlib.deflateSync(pixels(size, look), { level: 9 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

export function drawIcons(dist) {
  const rounded = { radius: 14, scale: 1 };
  const full = { radius: 0, scale: 0.8 }; // launchers crop it to their own shape
  const pictures = {
    "icon-192.png": [192, rounded],
    "icon-512.png": [512, rounded],
    "icon-maskable-512.png": [512, full],
    "apple-touch-icon.png": [180, full],
    "badge-96.png": [96, { radius: 0, scale: 1, mono: true }],
  };
  for (const [name, [size, look]] of Object.entries(pictures)) {
    writeFileSync(join(dist, name), png(size, look));
  }
}
