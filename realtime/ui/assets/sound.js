// A short sound, made on the spot. Browsers allow it once somebody has clicked on the page; until then it stays silent.

const SELDOM_MS = 2000;
let context = null;
let playedAt = -Infinity;

/** Let sounds be heard from now on: call it while the page handles a click. */
export function allowSound() {
  context ??= new AudioContext();
  context.resume();
}

/** Play two soft notes, at most every two seconds. */
export function playSound() {
  const now = performance.now();
  if (now - playedAt < SELDOM_MS) return;
  playedAt = now;
  try {
    context ??= new AudioContext();
  } catch {
    return; // a browser without audio
  }
  if (context.state !== "running") return void context.resume().catch(() => {});
  [660, 880].forEach((pitch, place) => note(pitch, context.currentTime + place * 0.13));
}

function note(pitch, at) {
  const tone = context.createOscillator();
  const volume = context.createGain();
  tone.frequency.value = pitch;
  volume.gain.setValueAtTime(0, at);
  volume.gain.linearRampToValueAtTime(0.08, at + 0.02);
  volume.gain.exponentialRampToValueAtTime(0.0001, at + 0.25);
  tone.connect(volume).connect(context.destination);
  tone.start(at);
  tone.stop(at + 0.3);
}
