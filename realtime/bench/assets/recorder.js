// Records, in the page that is measured, when a number of a chart's data has been drawn. Changes nothing of the page.
// Runs before the page's own scripts. What it wrote down is window.tideboardBench:
//   paints:   [[at, newest, [numbers not drawn before]], …], `at` in Unix milliseconds by the page's clock
//   removals: how often a chart left the DOM
// A number counts as drawn when the chart's data hold it *and* its SVG has been mutated since: the observer is called
// after the script that drew has ended, so that is no earlier than the DOM's being complete.
(() => {
  if (window.tideboardBench) return;
  const record = { paints: [], removals: 0 };
  window.tideboardBench = record;
  const drawn = new Set();
  const CHART = ".js-plotly-plot";

  // What the page spends in here counts against it, so it looks at the newest points only until it meets a drawn one.
  const note = (chart, at) => {
    const appeared = [];
    let newest = 0;
    for (const trace of chart.data || []) {
      const values = trace.y || [];
      for (let index = values.length - 1; index >= 0; index--) {
        const value = values[index];
        if (!Number.isInteger(value) || value <= 0) continue;
        newest = Math.max(newest, value);
        if (drawn.has(value)) break;
        drawn.add(value);
        appeared.unshift(value);
      }
    }
    if (newest > 0) record.paints.push([at, newest, appeared]);
  };

  const chartsIn = (node) =>
    node.nodeType !== Node.ELEMENT_NODE
      ? []
      : node.matches(CHART)
        ? [node]
        : [...node.querySelectorAll(CHART)];

  const observer = new MutationObserver((mutations) => {
    const at = performance.timeOrigin + performance.now();
    const touched = new Set();
    let last = null; // the layer met last: hundreds of mutations are in the same one
    for (const mutation of mutations) {
      if (mutation.type === "attributes" && last !== null && last.contains(mutation.target)) continue;
      const element = mutation.target.nodeType === Node.ELEMENT_NODE ? mutation.target : mutation.target.parentElement;
      // Hovering and dragging draw outside of these two layers.
      const layer = element && element.closest(".cartesianlayer, .main-svg");
      const chart = layer && layer.closest(CHART);
      if (chart && element.closest(".cartesianlayer")) {
        touched.add(chart);
        last = element.closest(".cartesianlayer");
      }
      for (const node of mutation.addedNodes) for (const found of chartsIn(node)) touched.add(found);
      for (const node of mutation.removedNodes) record.removals += chartsIn(node).length;
    }
    for (const chart of touched) if (chart.isConnected && chart.querySelector(".main-svg")) note(chart, at);
  });
  const watch = (root) => observer.observe(root, { subtree: true, childList: true, attributes: true });
  watch(document);

  // An observer doesn't see into shadow trees, so each is watched as it is made.
  const attachShadow = Element.prototype.attachShadow;
  Element.prototype.attachShadow = function (options) {
    const root = attachShadow.call(this, options);
    watch(root);
    return root;
  };
})();
