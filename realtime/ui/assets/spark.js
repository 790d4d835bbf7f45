// A sparkline of bars as inline SVG, changed in place. Knows numbers only.

const SVG = "http://www.w3.org/2000/svg"

/** Make an empty sparkline; hidden from screen readers, which get the numbers beside it. */
export function spark() {
  const made = document.createElementNS(SVG, "svg")
  made.setAttribute("class", "spark")
  made.setAttribute("aria-hidden", "true")
  made.setAttribute("preserveAspectRatio", "none")
  return made
}

/** Draw `counts`, oldest first, into a sparkline. */
export function drawSpark(svg, counts) {
  const key = counts.join()
  if (svg.drawn === key) return
  svg.drawn = key
  svg.setAttribute("viewBox", `0 0 ${Math.max(1, counts.length) * 4} 24`)
  const most = Math.max(1, ...counts)
  while (svg.children.length < counts.length) svg.append(document.createElementNS(SVG, "rect"))
  while (svg.children.length > counts.length) svg.lastChild.remove()
  counts.forEach((count, index) => {
    const height = count ? Math.max(2, (count / most) * 24) : 0.8
    const bar = svg.children[index]
    bar.setAttribute("x", String(index * 4))
    bar.setAttribute("width", "3")
    bar.setAttribute("y", String(24 - height))
    bar.setAttribute("height", String(height))
  })
}
