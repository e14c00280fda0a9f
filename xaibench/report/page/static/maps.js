// Maps are small grids of bytes; a canvas is drawn from one when it comes into view, as the engine would.

const facts = JSON.parse(document.getElementById("facts").textContent);
const SIDE = 160; // pixels of a canvas along its longer side: what a thumbnail has

function bytes(text) {
  return Uint8Array.from(atob(text), (letter) => letter.charCodeAt(0));
}

const palettes = Object.fromEntries(Object.entries(facts.colours).map(([name, text]) => [name, bytes(text)]));

// Where each of n pixels lies among the cells: the cell before it, the one after, and how far between.
function between(n, cells) {
  const low = new Uint16Array(n), high = new Uint16Array(n), share = new Float32Array(n);
  for (let i = 0; i < n; i++) {
    const at = Math.min(Math.max(((i + 0.5) * cells) / n - 0.5, 0), cells - 1);
    low[i] = Math.floor(at);
    high[i] = Math.min(low[i] + 1, cells - 1);
    share[i] = at - low[i];
  }
  return { low, high, share };
}

function drawMap(canvas, map, palette) {
  const [h, w] = map.g;
  const [low, high] = map.r; // what a byte of 0 and of 255 stand for, in maps that go from 0 to 1
  const grid = bytes(map.m);
  const { width, height } = canvas;
  const context = canvas.getContext("2d");
  const picture = context.createImageData(width, height);
  const across = between(width, w), down = between(height, h);
  for (let y = 0, at = 0; y < height; y++) {
    const top = down.low[y] * w, bottom = down.high[y] * w, v = down.share[y];
    for (let x = 0; x < width; x++, at += 4) {
      const a = across.low[x], b = across.high[x], u = across.share[x];
      const upper = grid[top + a] * (1 - u) + grid[top + b] * u;
      const lower = grid[bottom + a] * (1 - u) + grid[bottom + b] * u;
      const value = low * 255 + (high - low) * (upper * (1 - v) + lower * v);
      const colour = 3 * Math.round(Math.min(255, Math.max(0, value)));
      picture.data[at] = palette[colour];
      picture.data[at + 1] = palette[colour + 1];
      picture.data[at + 2] = palette[colour + 2];
      picture.data[at + 3] = 255;
    }
  }
  context.putImageData(picture, 0, 0);
}
