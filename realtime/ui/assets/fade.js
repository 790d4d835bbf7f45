// Marks what has just changed and lets the mark fade within a second, once. Not at all under reduced motion.
//
// Four steps instead of a CSS animation: an animated background is painted 60 times a second by every tab, and with
// changes coming all the time it never ends; measured, that was half of what a live page cost. The steps are taken along
// with the panels' own paints where there are any, since every frame costs a page the same, however little is in it.

const STEPS = 4
const FADE_MS = 1000
const STEP_MS = FADE_MS / STEPS
const EARLIEST_MS = 120 // since the last step, for one that goes along with a paint
const fading = new Map() // element -> when it was marked
const stillness = matchMedia("(prefers-reduced-motion: reduce)")
let timer = 0
let steppedAt = 0

// As strong as text in any of the status colours stays readable on: 4.5:1 in both themes.
/** The rules for what `fade` marks; put them into the component's own style. */
export const fadeCss = [22, 16, 10, 5]
  .map((share, step) => `[data-fade="${STEPS - step}"] { background-color: color-mix(in srgb, var(--st-primary-color) ${share}%, var(--st-background-color)); }`)
  .join("\n")

/** Mark an element; one that is fading begins anew. */
export function fade(element) {
  if (stillness.matches) return
  fading.set(element, performance.now())
  element.dataset.fade = STEPS
  timer ||= setTimeout(step, STEP_MS)
}

/** Take a step now if one is nearly due: a frame is being made anyway. */
export function paintedSomething() {
  if (timer && performance.now() - steppedAt >= EARLIEST_MS) step()
}

function step() {
  steppedAt = performance.now()
  for (const [element, since] of fading) {
    const left = STEPS - Math.floor((steppedAt - since) / STEP_MS)
    if (left <= 0) {
      fading.delete(element)
      delete element.dataset.fade
    } else if (String(left) !== element.dataset.fade) {
      element.dataset.fade = left
    }
  }
  clearTimeout(timer)
  timer = fading.size ? setTimeout(step, STEP_MS) : 0
}
