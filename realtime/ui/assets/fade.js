// Marks what has just changed and lets the mark fade within a second, once. Not at all under reduced motion.
//
// Four steps of one shared clock instead of a CSS animation: an animated background is painted 60 times a second by
// every tab, and with changes coming all the time it never ends; measured, that was half of what a live page cost.

const STEPS = 4
const STEP_MS = 250
const fading = new Map() // element -> steps left
const stillness = matchMedia("(prefers-reduced-motion: reduce)")
let timer = 0

/** The rules for what `fade` marks; put them into the component's own style. */
export const fadeCss = [38, 26, 15, 7]
  .map((share, step) => `[data-fade="${STEPS - step}"] { background-color: color-mix(in srgb, var(--st-primary-color) ${share}%, var(--st-background-color)); }`)
  .join("\n")

/** Mark an element; one that is fading begins anew. */
export function fade(element) {
  if (stillness.matches) return
  fading.set(element, STEPS)
  element.dataset.fade = STEPS
  timer ||= setInterval(step, STEP_MS)
}

function step() {
  for (const [element, left] of fading) {
    if (left > 1) {
      fading.set(element, left - 1)
      element.dataset.fade = left - 1
    } else {
      fading.delete(element)
      delete element.dataset.fade
    }
  }
  if (fading.size === 0) timer = clearInterval(timer) ?? 0
}
